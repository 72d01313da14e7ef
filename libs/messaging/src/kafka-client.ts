import { topics, type TopicDeclaration } from '@tradecore/events';
import type { Admin } from 'kafkajs';
import { createClient, type Client, type ClientSettings } from './wire/client.ts';
import type { AssignedPartition, ConsumerOptions, RunningConsumer } from './consumer/consumer.ts';
import { deadLetterBytes, deadLetterTopic, toDeadLetter, type DeadLetterNote } from './dead-letters.ts';
import { MessagingError } from './errors.ts';
import { Publisher, type EventBus } from './producer/event-bus.ts';
import { partitionKey, type IncomingMessage, type TopicPartition } from './message.ts';
import { LogMarks } from './consumer/log-marks.ts';
import { deadLettersTotal, publishedTotal } from './metrics.ts';
import { Names } from './names.ts';
import { subscribe } from './consumer/subscribe.ts';
import { SupervisedConsumer } from './consumer/supervised-consumer.ts';
import { readTopic } from './consumer/topic-reader.ts';
import { ensureTopics, type TopicLayout } from './topics.ts';
import {
  openTransactional,
  type Compression,
  type TransactionalOptions,
  type TransactionalProducer,
} from './producer/transactional-producer.ts';
import { verifyTransactions } from './producer/verify-transactions.ts';

/** How to reach the broker, and as which fleet. */
export interface KafkaClientSettings extends ClientSettings {
  /** Prefix, with a dot, of topics, groups and transactional ids; empty (default) = none. */
  readonly namespace?: string;
  /** The declared topics; the fleet's by default. Writes to any other topic are refused. */
  readonly declarations?: readonly TopicDeclaration[];
  /** For what the event bus publishes; pays off from about 1 KiB per record; default none. */
  readonly compression?: Compression;
}

/**
 * Redpanda's placeholder while a new cluster has no id (up to 10 s); a log identified by it would look like another one
 * a moment later.
 */
const clusterIdToBe = 'redpanda.initializing';

interface OpenAdmin {
  readonly admin: Admin;
  readonly client: Client;
}

async function closeAdmin(opened: Promise<OpenAdmin> | undefined): Promise<void> {
  const open = await opened?.catch(() => undefined);
  await open?.admin.disconnect().catch(() => undefined);
  open?.client.cut();
}

/** The broker as the fleet sees it: Apache Kafka or Redpanda behind kafkajs. Connects on first use. */
class KafkaClient {
  readonly namespace: string;
  readonly #names: Names;
  readonly #publisher: Publisher;
  readonly #consumers = new Set<SupervisedConsumer>();
  #admin: Promise<OpenAdmin> | undefined;
  #bus: EventBus | undefined;
  readonly #marks: LogMarks;

  constructor(private readonly settings: KafkaClientSettings) {
    this.namespace = settings.namespace ?? '';
    const declared = settings.declarations ?? Object.values(topics);
    for (const { name: topic } of declared) publishedTotal.inc({ topic }, 0);
    this.#names = new Names(this.namespace, declared);
    this.#marks = new LogMarks(this.#newClient, this.#names, (topic) => this.#offsets(topic));
    this.#publisher = new Publisher(this.#newClient, this.#names, settings.compression);
  }

  /** Creates missing topics and verifies the others; throws `MessagingError` `topics`, which names every difference. */
  async ensureTopics(
    layout: TopicLayout,
    declarations?: readonly TopicDeclaration[],
  ): Promise<{ created: string[]; verified: string[] }> {
    return this.#ask((admin) => ensureTopics(admin, this.#names, layout, declarations));
  }

  /**
   * Aborts one transaction that contains only an offset; throws `transactions-off`, which names the settings. The
   * topics must exist.
   */
  async verifyTransactions(): Promise<void> {
    await this.#describe();
    await verifyTransactions(this.#newClient(), this.#names);
  }

  /** The cluster's id; a different id means a different broker. Throws while the broker has none. */
  async clusterId(): Promise<string> {
    const { clusterId } = await this.#describe();
    if (!clusterId || clusterId === clusterIdToBe) throw new MessagingError('unreachable', 'the cluster has no id yet');
    return clusterId;
  }

  /** First offset of each partition. */
  async startOffsets(topic: string): Promise<ReadonlyMap<number, bigint>> {
    return new Map((await this.#offsets(topic)).map(({ partition, low }) => [partition, BigInt(low)]));
  }

  /** Last stable offset of each partition: what a `read_committed` reader can reach. */
  async endOffsets(topic: string): Promise<ReadonlyMap<number, bigint>> {
    return new Map((await this.#offsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]));
  }

  /** By partition, the first offset at or after that time; the end if there is none. */
  async offsetsAt(topic: string, time: Date): Promise<ReadonlyMap<number, bigint>> {
    const name = this.#names.onBroker(topic);
    const found = await this.#ask((admin) => admin.fetchTopicOffsetsByTimestamp(name, time.getTime()));
    return new Map(found.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  /** Log start and last stable offset of these partitions. Throws if the broker does not know one of them. */
  async ends(partitions: readonly TopicPartition[]): Promise<AssignedPartition[]> {
    const names = [...new Set(partitions.map(({ topic }) => topic))];
    const found = new Map(await Promise.all(names.map(async (topic) => [topic, await this.#offsets(topic)] as const)));
    return partitions.map(({ topic, partition }) => {
      const ends = found.get(topic)?.find((each) => each.partition === partition);
      if (!ends) throw new MessagingError('unreachable', `the broker does not know ${partitionKey({ topic, partition })}`);
      return { topic, partition, startOffset: BigInt(ends.low), endOffset: BigInt(ends.high) };
    });
  }

  /** Topic ids, if the broker has them; a recreated topic has a new id. */
  topicIds(topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.#marks.topicIds(topics);
  }

  /**
   * The partitions, by `partitionKey`, whose mark (see `markOf`) belongs to a different log from the current one;
   * `ids`: `topicIds`.
   */
  otherLogs(...which: Parameters<LogMarks['otherLogs']>): Promise<ReadonlySet<string>> {
    return this.#marks.otherLogs(...which);
  }

  /** Marks for positions without a read, by `partitionKey`, if the broker has no ids. */
  marksBefore(topic: string, positions: ReadonlyMap<number, bigint>): Promise<ReadonlyMap<string, string>> {
    return this.#marks.marksBefore(topic, positions);
  }

  /** The marks that a group committed with its offsets; partitions without one are omitted. */
  async committedMarks(group: string, topic: string): Promise<ReadonlyMap<number, string>> {
    const committed = await this.#committed(group, topic);
    return new Map(committed.flatMap(({ partition, metadata }) => (metadata ? [[partition, metadata]] : [])));
  }

  /**
   * Committed offsets of a group; partitions without one are omitted. Waits for a transaction that is still ending
   * (KIP-447).
   */
  async committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    return new Map((await this.#committed(group, topic)).map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  /**
   * Reads a topic from its start to its current end, without a group: committed records only, each partition in order.
   */
  readTopic(topic: string, take: (records: readonly IncomingMessage[]) => void | Promise<void>): Promise<void> {
    return readTopic(this.#newClient(), { topic: this.#names.onBroker(topic), as: topic }, take);
  }

  /**
   * Reads a stretch of one partition, without a group: committed records only, in order; `take` receives one fetch (1
   * MiB) per call. Throws when the broker returns nothing more before `to`.
   */
  readStretch(...which: Parameters<LogMarks['read']>): Promise<void> {
    return this.#marks.read(...which);
  }

  /** The bus of this process; each call returns the same one. */
  eventBus(): EventBus {
    return (this.#bus ??= {
      publish: (topic, message) => this.#publisher.publish(topic, [message]),
      publishBatch: (topic, messages) => this.#publisher.publish(topic, messages),
      subscribe: async (channel, handler, options) => subscribe(this, channel, handler, options),
    });
  }

  /** Joins the group and consumes until `stop`. */
  runConsumer(options: ConsumerOptions): RunningConsumer {
    const context = { newClient: this.#newClient, names: this.#names, ends: this.ends.bind(this) };
    const consumer = new SupervisedConsumer(context, options);
    this.#consumers.add(consumer);
    this.#marks.watch(consumer, options.topics);
    return consumer;
  }

  /**
   * A new producer under this id. First fences older ones and resolves their open transaction. Throws `MessagingError`.
   */
  openTransactional(options: TransactionalOptions): Promise<TransactionalProducer> {
    return openTransactional(this.#newClient(), this.#names, options);
  }

  /** Stores the original bytes and headers in `system.dlq-events` under the key group/topic/partition/offset. */
  async deadLetter(original: IncomingMessage, note: DeadLetterNote): Promise<void> {
    await this.#publisher.publish(deadLetterTopic, [toDeadLetter(original, note, deadLetterBytes)]);
    deadLettersTotal.inc({ reason: note.reason });
  }

  /** Stops consumers, flushes the bus, closes all connections. Callers discard their own transactional producers. */
  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((each) => each.stop()));
    await this.#publisher.close();
    await this.#marks.close();
    await closeAdmin(this.#admin);
  }

  #newClient = (): Client => createClient(this.settings);

  /**
   * After any error the next request uses new connections, so that stale knowledge of leaders and brokers is dropped.
   */
  async #ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const opened = (this.#admin ??= this.#connect());
    try {
      return await question((await opened).admin);
    } catch (error) {
      if (this.#admin === opened) this.#admin = undefined;
      void closeAdmin(opened);
      throw error;
    }
  }

  async #connect(): Promise<OpenAdmin> {
    const client = this.#newClient();
    const admin = client.kafka.admin();
    try {
      await admin.connect();
      return { admin, client };
    } catch (error) {
      client.cut();
      throw new MessagingError('unreachable', `can't reach ${this.settings.brokers.join(', ')}: ${String(error)}`, {
        cause: error,
      });
    }
  }

  #describe = (): Promise<{ clusterId: string }> => this.#ask((admin) => admin.describeCluster());

  async #committed(group: string, topic: string): Promise<{ partition: number; offset: string; metadata: string | null }[]> {
    const asked = { groupId: this.#names.onBroker(group), topics: [this.#names.onBroker(topic)] };
    const found = await this.#ask((admin) => admin.fetchOffsets(asked));
    return (found[0]?.partitions ?? []).filter(({ offset }) => offset !== '-1');
  }

  #offsets(topic: string): Promise<{ partition: number; low: string; high: string }[]> {
    return this.#ask((admin) => admin.fetchTopicOffsets(this.#names.onBroker(topic)));
  }
}

export type { KafkaClient };

/** The broker behind these settings. */
export const createKafkaClient = (settings: KafkaClientSettings): KafkaClient => new KafkaClient(settings);
