import type { Producer } from 'kafkajs';
import type { Client } from '../wire/client.ts';
import type { ConsumerStatus } from '../consumer/consumer.ts';
import { deadLetterBytes, deadLetterTopic } from '../dead-letters.ts';
import { MessagingError } from '../errors.ts';
import { writeError } from '../wire/kafka-errors.ts';
import { byteLength, type IncomingMessage, type OutgoingMessage } from '../message.ts';
import { publishedTotal, publishFailuresTotal } from '../metrics.ts';
import type { Names } from '../names.ts';
import { partitionByKey } from './partitioner.ts';
import { codecs, type Compression } from './transactional-producer.ts';

/** A running subscription. */
export interface Subscription {
  status(): ConsumerStatus;
  /** Finishes the record in flight, commits, leaves the group. */
  stop(): Promise<void>;
}

/** Options of a subscription. */
export interface SubscribeOptions {
  /** Without namespace. Members of a group share the partitions. */
  readonly group: string;
  /** How often the handler is called for one record before it becomes a dead letter; default 5. */
  readonly attempts?: number;
}

/** Publishes, and subscribes simply. Refuses topics that carry stored events: only the relay writes those. */
export interface EventBus {
  /**
   * Resolves when all in-sync replicas have the record. Records of one key keep the order of the calls. Throws
   * `MessagingError`: `undeclared-topic`, `forbidden-topic`, `too-large`, `queue-full`, `closed`, or `send-failed` (the
   * record may or may not have been written).
   */
  publish(topic: string, message: OutgoingMessage): Promise<void>;
  /** As `publish`, for several records; resolves when all are written. Not atomic. */
  publishBatch(topic: string, messages: readonly OutgoingMessage[]): Promise<void>;
  /**
   * Delivers at least once, in order per partition, and commits the position to the group after each batch. A record
   * whose handler threw `attempts` times becomes a dead letter. `channel` is the full topic name without namespace.
   */
  subscribe(
    channel: string,
    handler: (message: IncomingMessage) => Promise<void>,
    options: SubscribeOptions,
  ): Promise<Subscription>;
}

/**
 * Limits of the bus. A flush stays under the broker's limit for one record batch (1 MiB), because kafkajs never splits
 * one.
 */
const limits = {
  queuedMessages: 10_000,
  queuedBytes: 32 * 1024 * 1024,
  flushMessages: 1_000,
  flushBytes: 900 * 1024,
  messageBytes: 1_000_000,
};

/** Gathers what is published at the same moment; while a flush is in flight, the next one gathers anyway. */
const lingerMs = 1;

const produceTimeoutMs = 10_000;
const retry = { initialRetryTime: 20, multiplier: 1.5, maxRetryTime: 1_000, retries: 12 };

interface Queued {
  readonly topic: string;
  readonly topicOnBroker: string;
  readonly message: OutgoingMessage;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * The writing half of the bus: gathers records and sends one flush after another, which keeps the order of each key.
 */
export class Publisher {
  readonly #queue: Queued[] = [];
  #queuedBytes = 0;
  #producer: Promise<{ client: Client; producer: Producer }> | undefined;
  #flushing: Promise<void> | undefined;
  #closed = false;

  constructor(
    private readonly newClient: () => Client,
    private readonly names: Names,
    private readonly compression: Compression = 'none',
  ) {}

  async publish(topic: string, messages: readonly OutgoingMessage[]): Promise<void> {
    if (this.#closed) throw new MessagingError('closed', 'the event bus is closed');
    const topicOnBroker = this.names.writable(topic, 'services');
    const limit = topic === deadLetterTopic ? deadLetterBytes : limits.messageBytes;
    const sized = messages.map((message) => ({ message, bytes: byteLength(message) }));
    const largest = Math.max(0, ...sized.map(({ bytes }) => bytes));
    if (largest > limit)
      throw new MessagingError('too-large', `a record for ${topic} has ${largest} bytes; the limit is ${limit}`);
    const bytes = sized.reduce((sum, each) => sum + each.bytes, 0);
    if (this.#queue.length + messages.length > limits.queuedMessages || this.#queuedBytes + bytes > limits.queuedBytes) {
      throw new MessagingError('queue-full', `${this.#queue.length} records already wait for the broker`);
    }
    this.#queuedBytes += bytes;
    const written = sized.map(
      (each) => new Promise<void>((resolve, reject) => this.#queue.push({ ...each, topic, topicOnBroker, resolve, reject })),
    );
    this.#flushing ??= this.#flush();
    for (const each of await Promise.allSettled(written)) if (each.status === 'rejected') throw each.reason;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#flushing;
    const open = await this.#producer?.catch(() => undefined);
    await open?.producer.disconnect().catch(() => undefined);
    open?.client.cut();
  }

  async #flush(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, lingerMs));
    while (this.#queue.length > 0) await this.#send(this.#take());
    this.#flushing = undefined;
  }

  #take(): Queued[] {
    let count = 0;
    let bytes = 0;
    for (const each of this.#queue) {
      if (count > 0 && (count >= limits.flushMessages || bytes + each.bytes > limits.flushBytes)) break;
      count += 1;
      bytes += each.bytes;
    }
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  async #send(batch: readonly Queued[]): Promise<void> {
    const byTopic = Map.groupBy(batch, ({ topicOnBroker }) => topicOnBroker);
    const topicMessages = [...byTopic].map(([topic, each]) => ({
      topic,
      messages: each.map(({ message }) => message),
    }));
    try {
      const { producer } = await (this.#producer ??= this.#connect());
      await producer.sendBatch({ topicMessages, timeout: produceTimeoutMs, compression: codecs[this.compression] });
    } catch (error) {
      await this.#drop();
      publishFailuresTotal.inc({ by: 'bus' });
      const refusal = writeError(error, 'publish');
      for (const each of batch) each.reject(refusal);
      return;
    }
    for (const { topic, resolve } of batch) {
      publishedTotal.inc({ topic });
      resolve();
    }
  }

  async #connect(): Promise<{ client: Client; producer: Producer }> {
    const client = this.newClient();
    const producer = client.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: partitionByKey,
      retry,
    });
    await producer.connect();
    return { client, producer };
  }

  /**
   * A failed producer is never used again. kafkajs resets its sequence number after an error; had the broker stored the
   * failed batch, it would treat the next one, with other records, as a duplicate: acknowledge it and drop it.
   */
  async #drop(): Promise<void> {
    const failed = this.#producer;
    this.#producer = undefined;
    const open = await failed?.catch(() => undefined);
    open?.client.cut();
    void open?.producer.disconnect().catch(() => undefined);
  }
}
