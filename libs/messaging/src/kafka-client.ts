import { topics, type TopicDeclaration } from '@tradecore/events';
import type { Admin } from 'kafkajs';
import { createClient, type Client } from './wire/client.ts';
import type { AssignedPartition, ConsumerOptions, RunningConsumer } from './consumer/consumer.ts';
import { deadLetterTopic, toDeadLetter, type DeadLetterNote } from './dead-letters.ts';
import { MessagingError } from './errors.ts';
import { Publisher, type EventBus } from './producer/event-bus.ts';
import { partitionKey, type IncomingMessage, type TopicPartition } from './message.ts';
import { LogMarks } from './consumer/log-marks.ts';
import { deadLettersTotal } from './metrics.ts';
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

/** What Redpanda says as long as a new cluster has no id of its own (up to 10 s): a log named by it would be another one a moment later. */
const clusterIdToBe = 'redpanda.initializing';

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
  /** The cluster's own id: another one means another broker. Throws as long as the broker has none. */
  clusterId(): Promise<string>;
  /** First offset of each partition. */
  startOffsets(topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** Last stable offset of each partition: what a `read_committed` reader can reach. */
  endOffsets(topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** Log start and last stable offset of these partitions. Throws when the broker does not know one of them. */
  ends(partitions: readonly TopicPartition[]): Promise<AssignedPartition[]>;
  /** Ids of topics, where the broker has ids: one that was deleted and made anew has another. */
  topicIds(topics: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Of these partitions those whose mark (`markOf`, by `partitionKey`) is of another log than theirs now, by `partitionKey`; `ids`: `topicIds`. */
  otherLogs(
    partitions: readonly TopicPartition[],
    marks: ReadonlyMap<string, string>,
    ids: ReadonlyMap<string, string>,
  ): Promise<ReadonlySet<string>>;
  /** Marks of positions up to which nothing was read, by `partitionKey`, where the broker has no ids. */
  marksBefore(topic: string, positions: ReadonlyMap<number, bigint>): Promise<ReadonlyMap<string, string>>;
  /** The marks that a group committed beside its offsets; without partitions that have none. */
  committedMarks(group: string, topic: string): Promise<ReadonlyMap<number, string>>;
  /** Committed offsets of a group, without partitions that have none. Waits for a transaction that is being ended (KIP-447). */
  committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** Reads a topic from its start to the end that it has now, in no group: committed records only, each partition in order. */
  readTopic(topic: string, take: (records: readonly IncomingMessage[]) => void): Promise<void>;
  /**
   * Reads a stretch of one partition, in no group: committed records only, in order; `take` gets a fetch at a time (1 MiB). Throws when the broker
   * has nothing more to give before `to`.
   */
  readStretch(
    partition: TopicPartition,
    stretch: { readonly from: bigint; readonly to: bigint },
    take: (records: readonly IncomingMessage[]) => void,
  ): Promise<void>;
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

interface OpenAdmin {
  readonly admin: Admin;
  readonly client: Client;
}

async function closeAdmin(opened: Promise<OpenAdmin> | undefined): Promise<void> {
  const open = await opened?.catch(() => undefined);
  await open?.admin.disconnect().catch(() => undefined);
  open?.client.cut();
}

class KafkaJsClient implements KafkaClient {
  readonly namespace: string;
  readonly #names: Names;
  readonly #publisher: Publisher;
  readonly #consumers = new Set<SupervisedConsumer>();
  #admin: Promise<OpenAdmin> | undefined;
  #bus: EventBus | undefined;
  readonly #marks: LogMarks;

  constructor(private readonly settings: KafkaClientSettings) {
    this.namespace = settings.namespace ?? '';
    this.#names = new Names(this.namespace, settings.declarations ?? Object.values(topics));
    this.#marks = new LogMarks(this.#newClient, this.#names, (topic) => this.#offsets(topic));
    this.#publisher = new Publisher(this.#newClient, this.#names, {
      compression: settings.compression ?? 'none',
      messageBytes: { [deadLetterTopic]: deadLetterBytes },
    });
  }

  async ensureTopics(
    layout: TopicLayout,
    declarations?: readonly TopicDeclaration[],
  ): Promise<{ created: string[]; verified: string[] }> {
    return this.#ask((admin) => ensureTopics(admin, this.#names, layout, declarations));
  }

  async verifyTransactions(): Promise<void> {
    await this.#describe();
    await verifyTransactions(this.#newClient(), this.#names);
  }

  async ping(): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new MessagingError('unreachable', `no answer from ${this.settings.brokers.join(', ')}`)),
      pingMs,
    );
    try {
      await Promise.race([this.#describe(), promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async clusterId(): Promise<string> {
    const { clusterId } = await this.#describe();
    if (!clusterId || clusterId === clusterIdToBe) throw new MessagingError('unreachable', 'the cluster has no id yet');
    return clusterId;
  }

  async startOffsets(topic: string): Promise<ReadonlyMap<number, bigint>> {
    return new Map((await this.#offsets(topic)).map(({ partition, low }) => [partition, BigInt(low)]));
  }

  async endOffsets(topic: string): Promise<ReadonlyMap<number, bigint>> {
    return new Map((await this.#offsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]));
  }

  async ends(partitions: readonly TopicPartition[]): Promise<AssignedPartition[]> {
    const names = [...new Set(partitions.map(({ topic }) => topic))];
    const found = new Map(await Promise.all(names.map(async (topic) => [topic, await this.#offsets(topic)] as const)));
    return partitions.map(({ topic, partition }) => {
      const ends = found.get(topic)?.find((each) => each.partition === partition);
      if (!ends) throw new MessagingError('unreachable', `the broker does not know ${partitionKey({ topic, partition })}`);
      return { topic, partition, startOffset: BigInt(ends.low), endOffset: BigInt(ends.high) };
    });
  }

  topicIds(topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.#marks.topicIds(topics);
  }

  otherLogs(...which: Parameters<KafkaClient['otherLogs']>): Promise<ReadonlySet<string>> {
    return this.#marks.otherLogs(...which);
  }

  marksBefore(topic: string, positions: ReadonlyMap<number, bigint>): Promise<ReadonlyMap<string, string>> {
    return this.#marks.marksBefore(topic, positions);
  }

  async committedMarks(group: string, topic: string): Promise<ReadonlyMap<number, string>> {
    const committed = await this.#committed(group, topic);
    return new Map(committed.flatMap(({ partition, metadata }) => (metadata ? [[partition, metadata]] : [])));
  }

  async committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, bigint>> {
    return new Map((await this.#committed(group, topic)).map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  readTopic(topic: string, take: (records: readonly IncomingMessage[]) => void): Promise<void> {
    return readTopic(this.#newClient(), { topic: this.#names.onBroker(topic), as: topic }, take);
  }

  readStretch(...which: Parameters<KafkaClient['readStretch']>): Promise<void> {
    return this.#marks.read(...which);
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
    const context = { newClient: this.#newClient, names: this.#names, ends: this.ends.bind(this) };
    const consumer = new SupervisedConsumer(context, options);
    this.#consumers.add(consumer);
    this.#marks.watch(consumer, options.topics);
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
    await this.#marks.close();
    await closeAdmin(this.#admin);
  }

  #newClient = (): Client => createClient(this.settings);

  /** After any error the next question goes over new connections: nothing that an admin has learnt of leaders and brokers outlives their move. */
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
