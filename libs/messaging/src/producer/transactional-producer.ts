import kafkajs, { type Producer, type Transaction } from 'kafkajs';
import type { Client } from '../wire/client.ts';
import { MessagingError } from '../errors.ts';
import { writeError } from '../wire/kafka-errors.ts';
import { toRecord, type OutgoingMessage } from '../message.ts';
import { publishedTotal, publishFailuresTotal } from '../metrics.ts';
import type { Names, Writer } from '../names.ts';
import { partitionByKey } from './partitioner.ts';

/** One transaction: records, and the offset that says how far the sender has come. */
export interface TransactionContents {
  /**
   * May be empty: the offset alone then. A topic that comes again goes in a further request, after the one before: within a request a
   * partition's share must stay under 1 MiB, for it travels as one record batch.
   */
  readonly batches: readonly { readonly topic: string; readonly messages: readonly OutgoingMessage[] }[];
  /** The group whose position moves; without namespace. */
  readonly group: string;
  readonly positionTopic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Stands beside the offset: in which log it counts. See `markOf`. */
  readonly mark?: string | undefined;
}

/**
 * Writes records and a position in one Kafka transaction. After any error it is poisoned: the outcome may be unknown, so drop it,
 * open a new one under the same id (which resolves what hung) and read the committed offset.
 */
export interface TransactionalProducer {
  /** Resolves when the transaction is committed. Throws `MessagingError`: `fenced`, `too-large`, `send-failed` or, afterwards, `poisoned`. One at a time. */
  send(contents: TransactionContents): Promise<void>;
  readonly poisoned: boolean;
  /** Cuts the connections without finishing anything. Never throws. */
  discard(): Promise<void>;
}

/** How a transactional producer is opened. */
export interface TransactionalOptions {
  /** Without namespace. One open producer per id: a newer one fences the older. */
  readonly transactionalId: string;
  /** `relay` may write topics of stored events; `services` (default) the others. */
  readonly writer?: Writer;
  /** Worth it from about 1 KiB a record; default none. */
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

/** An open transaction holds back every `read_committed` reader behind it: the broker aborts it after this, and a produce waits no longer. */
const transactionTimeoutMs = 15_000;
const produceTimeoutMs = 10_000;

/** Repeats inside one produce request; the next step after their end is to discard the producer. */
const retry = { initialRetryTime: 20, multiplier: 1.5, maxRetryTime: 500, retries: 20 };

/** Opens it: connects, fences older producers of this id and waits until their open transaction is resolved. */
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
  readonly messages: ReturnType<typeof toRecord>[];
}

/** A new request where a topic comes again, so that its order is kept and no request grows beyond what its caller bounded. */
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
    if (this.poisoned) throw new MessagingError('poisoned', `${transactionalId} failed before; open a new one`);
    if (this.#busy) throw new Error(`${transactionalId}: one transaction at a time`);
    const topicMessages = contents.batches
      .filter(({ messages }) => messages.length > 0)
      .map(({ topic, messages }) => ({ topic: this.names.writable(topic, writer), messages: messages.map(toRecord) }));
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

  /** Records and offset go out side by side: they go to different coordinators, and only the commit waits for both. */
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
