import kafkajs, { type Producer, type Transaction } from 'kafkajs';
import type { Client } from '../wire/client.ts';
import { MessagingError } from '../errors.ts';
import { writeError } from '../wire/kafka-errors.ts';
import type { OutgoingMessage } from '../message.ts';
import { publishedTotal, publishFailuresTotal } from '../metrics.ts';
import type { Names, Writer } from '../names.ts';
import { partitionByKey } from './partitioner.ts';

/** One transaction: records, and the offset that records the sender's progress. */
export interface TransactionContents {
  /**
   * Empty: the offset alone. A repeated topic starts another request after the previous one: within a request, a
   * partition's records are one record batch and must stay under 1 MiB.
   */
  readonly batches: readonly { readonly topic: string; readonly messages: readonly OutgoingMessage[] }[];
  /** The group whose position advances; without namespace. */
  readonly group: string;
  readonly positionTopic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Stored with the offset: identifies its log. See `markOf`. */
  readonly mark?: string | undefined;
}

/**
 * Writes records and a position in one Kafka transaction. After any error it is poisoned, because the outcome may be
 * unknown: discard it, open a new one under the same id (which resolves the open transaction) and read the committed
 * offset.
 */
export interface TransactionalProducer {
  /**
   * Resolves when the transaction is committed; one call at a time. Throws `MessagingError`: `fenced`, `too-large`,
   * `send-failed` or, after an error, `poisoned`.
   */
  send(contents: TransactionContents): Promise<void>;
  readonly poisoned: boolean;
  /** Cuts the connections without finishing anything. Never throws. */
  discard(): Promise<void>;
}

/** Options of a transactional producer. */
export interface TransactionalOptions {
  /** Without namespace. One open producer per id: a newer one fences the older. */
  readonly transactionalId: string;
  /** `relay` may write topics of stored events; `services` (default) the others. */
  readonly writer?: Writer;
  /** Pays off from about 1 KiB per record; default none. */
  readonly compression?: Compression;
}

/** How record batches are compressed. */
export type Compression = 'none' | 'gzip' | 'zstd';

/** kafkajs's number for a codec. */
export const codecs = {
  none: kafkajs.CompressionTypes.None,
  gzip: kafkajs.CompressionTypes.GZIP,
  zstd: kafkajs.CompressionTypes.ZSTD,
} as const;

/**
 * The broker aborts a transaction after this time, because an open one blocks every `read_committed` reader; a produce
 * waits less.
 */
const transactionTimeoutMs = 15_000;
const produceTimeoutMs = 10_000;

/** Retries inside one produce request; after the last one the producer is discarded. */
const retry = { initialRetryTime: 20, multiplier: 1.5, maxRetryTime: 500, retries: 20 };

/** Connects, fences older producers of this id and waits until their open transaction is resolved. */
export async function openTransactional(
  client: Client,
  names: Names,
  options: TransactionalOptions,
): Promise<TransactionalProducer> {
  const { transactionalId, writer = 'services', compression = 'none' } = options;
  const producer = client.kafka.producer({
    transactionalId: names.onBroker(transactionalId),
    idempotent: true,
    transactionTimeout: transactionTimeoutMs,
    allowAutoTopicCreation: false,
    createPartitioner: partitionByKey,
    retry,
  });
  try {
    await producer.connect();
    const first = await producer.transaction();
    await first.abort();
  } catch (error) {
    client.cut();
    throw writeError(error, `open ${transactionalId}`);
  }
  return new KafkaTransactions(client, producer, names, { transactionalId, writer, compression });
}

interface TopicRecords {
  readonly topic: string;
  readonly messages: OutgoingMessage[];
}

/** Starts a new request at each repeated topic, which keeps its order and the caller's bound on a request's size. */
function inRequests(batches: readonly TopicRecords[]): TopicRecords[][] {
  const requests: TopicRecords[][] = [];
  for (const batch of batches) {
    const last = requests.at(-1);
    if (last && last.every(({ topic }) => topic !== batch.topic)) last.push(batch);
    else requests.push([batch]);
  }
  return requests;
}

class KafkaTransactions implements TransactionalProducer {
  poisoned = false;
  #busy = false;

  constructor(
    private readonly client: Client,
    private readonly producer: Producer,
    private readonly names: Names,
    private readonly options: Required<TransactionalOptions>,
  ) {}

  async send(contents: TransactionContents): Promise<void> {
    const { transactionalId, writer } = this.options;
    if (this.poisoned) throw new MessagingError('poisoned', `${transactionalId} failed earlier; open a new producer`);
    if (this.#busy) throw new Error(`${transactionalId}: one transaction at a time`);
    const topicMessages = contents.batches
      .filter(({ messages }) => messages.length > 0)
      .map(({ topic, messages }) => ({ topic: this.names.writable(topic, writer), messages: [...messages] }));
    const requests = inRequests(topicMessages);
    this.#busy = true;
    try {
      const transaction = await this.producer.transaction();
      await this.#fill(transaction, requests, contents);
      await transaction.commit();
    } catch (error) {
      this.poisoned = true;
      publishFailuresTotal.inc({ by: 'transaction' });
      throw writeError(error, `transaction of ${transactionalId}`);
    } finally {
      this.#busy = false;
    }
    for (const { topic, messages } of contents.batches) publishedTotal.inc({ topic }, messages.length);
  }

  /** Sends records and offset in parallel: they go to different coordinators, and only the commit waits for both. */
  async #fill(
    transaction: Transaction,
    requests: readonly TopicRecords[][],
    { group, positionTopic, partition, offset, mark }: TransactionContents,
  ): Promise<void> {
    const own = { partition, offset: String(offset), ...(mark !== undefined && { metadata: mark }) };
    const position = { topic: this.names.onBroker(positionTopic), partitions: [own] };
    const steps = await Promise.allSettled([
      transaction.sendOffsets({ consumerGroupId: this.names.onBroker(group), topics: [position] }),
      this.#produce(transaction, requests),
    ]);
    for (const step of steps) if (step.status === 'rejected') throw step.reason;
  }

  async #produce(transaction: Transaction, requests: readonly TopicRecords[][]): Promise<void> {
    const compression = codecs[this.options.compression];
    for (const topicMessages of requests) await transaction.sendBatch({ topicMessages, compression, timeout: produceTimeoutMs });
  }

  async discard(): Promise<void> {
    this.poisoned = true;
    this.client.cut();
    await this.producer.disconnect().catch(() => undefined);
  }
}
