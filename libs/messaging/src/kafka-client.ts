import { topics, type TopicDeclaration } from '@tradecore/events';
import type { Admin } from 'kafkajs';
import { createClient, type Client } from './client.ts';
import type { AssignedPartition, ConsumerOptions, RunningConsumer } from './consumer.ts';
import { deadLetterTopic, toDeadLetter, type DeadLetterNote } from './dead-letters.ts';
import { MessagingError } from './errors.ts';
import { Publisher, type EventBus } from './event-bus.ts';
import { partitionKey, type IncomingMessage, type TopicPartition } from './message.ts';
import { deadLettersTotal } from './metrics.ts';
import { Names } from './names.ts';
import { subscribe } from './subscribe.ts';
import { SupervisedConsumer } from './supervised-consumer.ts';
import { ensureTopics, type TopicLayout } from './topics.ts';
import {
  openTransactional,
  type Compression,
  type TransactionalOptions,
  type TransactionalProducer,
} from './transactional-producer.ts';
import { verifyTransactions } from './verify-transactions.ts';

/** How to reach the broker. */
export interface KafkaClientSettings {
  /** host:port of at least one broker. */
  readonly brokers: readonly string[];
  /** The service's name; shows in the broker's logs. */
  readonly clientId: string;
  /** Put with a dot before topics, groups and transactional ids; empty (default) = none. */
  readonly namespace?: string;
  /** The declared topics; the fleet's when absent. Writing to any other is refused. */
  readonly declarations?: readonly TopicDeclaration[];
  /** Of what the event bus publishes; default none. */
  readonly compression?: Compression;
}

/** The broker as the fleet sees it: Apache Kafka or Redpanda behind kafkajs. Connects when first used. */
export interface KafkaClient {
  readonly namespace: string;
  /** Creates what is missing, verifies what is there; throws `MessagingError` `topics` that names every difference. */
  ensureTopics(
    layout: TopicLayout,
    declarations?: readonly TopicDeclaration[],
  ): Promise<{ created: string[]; verified: string[] }>;
  /** One transaction with nothing but an offset in it, aborted; throws `transactions-off` naming the settings. Needs the topics. */
  verifyTransactions(): Promise<void>;
  /** Resolves when the broker answers; throws when it does not within 3 s. */
  ping(): Promise<void>;
  /** The cluster's own id: another one means another broker. */
  clusterId(): Promise<string>;
  /** First offset of each partition. */
  startOffsets(topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** Last stable offset of each partition: what a `read_committed` reader can reach. */
  endOffsets(topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** Committed offsets of a group, without partitions that have none. Waits for a transaction that is being ended (KIP-447). */
  committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** The bus of this process; the same at each call. */
  eventBus(): EventBus;
  /** Joins the group and consumes until `stop`. */
  runConsumer(options: ConsumerOptions): RunningConsumer;
  /** A new producer under this id: fences older ones and resolves their open transaction before it resolves. Throws `MessagingError`. */
  openTransactional(options: TransactionalOptions): Promise<TransactionalProducer>;
  /** Sends the original bytes and headers to `system.dlq-events` under the key group/topic/partition/offset; resolves when stored. */
  deadLetter(original: IncomingMessage, note: DeadLetterNote): Promise<void>;
  /** Stops consumers, flushes the bus, closes all connections. Transactional producers are their owner's to discard. */
  close(): Promise<void>;
}

/** The broker behind these settings. */
export const createKafkaClient = (settings: KafkaClientSettings): KafkaClient => new KafkaJsClient(settings);

const pingMs = 3_000;

/** A dead letter has twice the room of other records; one that is larger still loses the end of its value, and says so. */
const deadLetterBytes = 2_000_000;

class KafkaJsClient implements KafkaClient {
  readonly namespace: string;
  readonly #names: Names;
  readonly #publisher: Publisher;
  readonly #consumers = new Set<SupervisedConsumer>();
  #admin: Promise<{ admin: Admin; client: Client }> | undefined;
  #bus: EventBus | undefined;

  constructor(private readonly settings: KafkaClientSettings) {
    this.namespace = settings.namespace ?? '';
    this.#names = new Names(this.namespace, settings.declarations ?? Object.values(topics));
    this.#publisher = new Publisher(this.#newClient, this.#names, {
      compression: settings.compression ?? 'none',
      messageBytes: { [deadLetterTopic]: deadLetterBytes },
    });
  }

  async ensureTopics(
    layout: TopicLayout,
    declarations?: readonly TopicDeclaration[],
  ): Promise<{ created: string[]; verified: string[] }> {
    return ensureTopics(await this.#connected(), this.#names, layout, declarations);
  }

  async verifyTransactions(): Promise<void> {
    await this.clusterId();
    await verifyTransactions(this.#newClient(), this.#names);
  }

  async ping(): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new MessagingError('unreachable', `no answer from ${this.settings.brokers.join(', ')}`)),
      pingMs,
    );
    try {
      await Promise.race([this.clusterId(), promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async clusterId(): Promise<string> {
    return (await (await this.#connected()).describeCluster()).clusterId;
  }

  async startOffsets(topic: string): Promise<ReadonlyMap<number, bigint>> {
    return new Map((await this.#offsets(topic)).map(({ partition, low }) => [partition, BigInt(low)]));
  }

  async endOffsets(topic: string): Promise<ReadonlyMap<number, bigint>> {
    return new Map((await this.#offsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]));
  }

  async committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    const admin = await this.#connected();
    const found = await admin.fetchOffsets({ groupId: this.#names.onBroker(group), topics: [this.#names.onBroker(topic)] });
    const committed = (found[0]?.partitions ?? []).filter(({ offset }) => offset !== '-1');
    return new Map(committed.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  eventBus(): EventBus {
    return (this.#bus ??= {
      publish: (topic, message) => this.#publisher.publish(topic, [message]),
      publishBatch: (topic, messages) => this.#publisher.publish(topic, messages),
      subscribe: async (channel, handler, options) => subscribe(this, channel, handler, options),
      close: () => this.#publisher.close(),
    });
  }

  runConsumer(options: ConsumerOptions): RunningConsumer {
    const context = { newClient: this.#newClient, names: this.#names, ends: this.#ends };
    const consumer = new SupervisedConsumer(context, options);
    this.#consumers.add(consumer);
    return consumer;
  }

  openTransactional(options: TransactionalOptions): Promise<TransactionalProducer> {
    return openTransactional(this.#newClient(), this.#names, options);
  }

  async deadLetter(original: IncomingMessage, note: DeadLetterNote): Promise<void> {
    await this.#publisher.publish(deadLetterTopic, [toDeadLetter(original, note, deadLetterBytes)]);
    deadLettersTotal.inc({ reason: note.reason });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((each) => each.stop()));
    await this.#publisher.close();
    const open = await this.#admin?.catch(() => undefined);
    await open?.admin.disconnect().catch(() => undefined);
    open?.client.cut();
  }

  #newClient = (): Client => createClient(this.settings);

  async #connected(): Promise<Admin> {
    this.#admin ??= this.#connect();
    return (await this.#admin).admin;
  }

  async #connect(): Promise<{ admin: Admin; client: Client }> {
    const client = this.#newClient();
    const admin = client.kafka.admin();
    try {
      await admin.connect();
      return { admin, client };
    } catch (error) {
      this.#admin = undefined;
      client.cut();
      throw new MessagingError('unreachable', `can't reach ${this.settings.brokers.join(', ')}: ${String(error)}`, {
        cause: error,
      });
    }
  }

  async #offsets(topic: string): Promise<{ partition: number; low: string; high: string }[]> {
    return (await this.#connected()).fetchTopicOffsets(this.#names.onBroker(topic));
  }

  #ends = async (partitions: readonly TopicPartition[]): Promise<AssignedPartition[]> => {
    const names = [...new Set(partitions.map(({ topic }) => topic))];
    const found = await Promise.all(
      names.map(async (topic) =>
        (await this.#offsets(topic)).map(({ partition, low, high }) => ({ topic, partition, low, high })),
      ),
    );
    const byKey = new Map(found.flat().map((each) => [partitionKey(each), each]));
    return partitions.map(({ topic, partition }) => {
      const { low = '0', high = '0' } = byKey.get(partitionKey({ topic, partition })) ?? {};
      return { topic, partition, startOffset: BigInt(low), endOffset: BigInt(high) };
    });
  };
}
