import { createHash } from 'node:crypto';
import type { Client } from '../wire/client.ts';
import type { RunningConsumer } from './consumer.ts';
import { compactArray, compactString, noTags, sendFlexible, type Fields } from '../wire/flexible-fields.ts';
import { partitionKey, toIncoming, type IncomingMessage, type TopicPartition } from '../message.ts';
import type { Names } from '../names.ts';
import { newCluster, readPartition, type Cluster } from './topic-reader.ts';

/** Metadata, and its first version that returns topic ids (KIP-516; Apache Kafka 2.8). kafkajs uses version 6. */
const api = { apiKey: 3, apiVersion: 10, apiName: 'Metadata' };
const noId = '0'.repeat(32);
/** A topic recreated while a consumer reads it is noticed within this time. */
const watchEveryMs = 2_000;
/**
 * How many offsets before a position are searched for its last record: the others are transaction markers, one each.
 */
const near = 16n;

const fingerprintOf = ({ key, value, timestamp }: IncomingMessage): string =>
  createHash('sha256')
    .update(`${timestamp} ${key?.length ?? -1} `)
    .update(key ?? '')
    .update(value ?? '')
    .digest('hex')
    .slice(0, 32);

/** Stored with an offset to identify its log: the topic's id, and the last record read with its fingerprint. */
export const markOf = (topicId: string | undefined, last?: IncomingMessage): string =>
  `${topicId ?? '-'}${last ? ` ${last.offset} ${fingerprintOf(last)}` : ''}`;

/** Tells a recreated topic from the original: by its id or, if the broker has no ids, by the last record read. */
export class LogMarks {
  #open: Promise<{ client: Client; cluster: Cluster }> | undefined;
  #isClosed = false;

  constructor(
    private readonly newClient: () => Client,
    private readonly names: Names,
    private readonly offsets: (topic: string) => Promise<{ partition: number; low: string; high: string }[]>,
  ) {}

  /** Ids of the topics that exist; empty if the broker has no ids. */
  async topicIds(topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const ids = await this.#with((cluster) =>
      fetchTopicIds(
        cluster,
        topics.map((topic) => this.names.onBroker(topic)),
      ),
    );
    return new Map([...ids].map(([topic, id]) => [this.names.ours(topic), id]));
  }

  /**
   * The partitions, by `partitionKey`, whose mark belongs to a different log from the current one; `ids`: `topicIds`.
   * If ids can't be compared and the last record is deleted from the log, the log counts as the same.
   */
  async otherLogs(
    partitions: readonly TopicPartition[],
    marks: ReadonlyMap<string, string>,
    ids: ReadonlyMap<string, string>,
  ): Promise<ReadonlySet<string>> {
    const marked = partitions.filter((each) => marks.has(partitionKey(each)));
    const others = await Promise.all(
      marked.map(async (each) => {
        const [id = '-', offset, fingerprint] = (marks.get(partitionKey(each)) as string).split(' ');
        const now = ids.get(each.topic);
        if (id !== '-' && now !== undefined) return id !== now;
        return offset !== undefined && this.#isOther(each, BigInt(offset), fingerprint);
      }),
    );
    return new Set(marked.filter((_, n) => others[n]).map((each) => partitionKey(each)));
  }

  /**
   * Marks for positions without a read, if the broker has no ids: the mark of the last record before each, if it is
   * near.
   */
  async marksBefore(topic: string, positions: ReadonlyMap<number, bigint>): Promise<ReadonlyMap<string, string>> {
    const marks = new Map<string, string>();
    const starts = new Map((await this.offsets(topic)).map(({ partition, low }) => [partition, BigInt(low)]));
    for (const [partition, to] of positions) {
      const start = starts.get(partition) ?? 0n;
      const from = to - near > start ? to - near : start;
      const last = from < to ? (await this.#readAll({ topic, partition }, from, to)).at(-1) : undefined;
      if (last) marks.set(partitionKey({ topic, partition }), markOf(undefined, last));
    }
    return marks;
  }

  /** Reads the committed records of one partition with `from` <= offset < `to`; `take` receives one fetch per call. */
  async read(
    { topic, partition }: TopicPartition,
    { from, to }: { readonly from: bigint; readonly to: bigint },
    take: (records: readonly IncomingMessage[]) => void,
  ): Promise<void> {
    const onBroker = this.names.onBroker(topic);
    await this.#with(async (cluster) => {
      await cluster.addTargetTopic(onBroker);
      await readPartition(cluster, { topic: onBroker, partition, from, to }, (records) =>
        take(records.map((each) => toIncoming({ topic, partition }, each))),
      );
    });
  }

  /** While the consumer runs, repositions it when one of its topics was recreated. */
  watch(consumer: Pick<RunningConsumer, 'status' | 'reposition'>, topics: readonly string[]): void {
    let known: ReadonlyMap<string, string> = new Map();
    const look = async (): Promise<void> => {
      const ids = await this.topicIds(topics);
      const isOther = [...ids].some(([topic, id]) => known.has(topic) && known.get(topic) !== id);
      known = new Map([...known, ...ids]);
      if (isOther) consumer.reposition();
    };
    const lookAndWait = async (): Promise<void> => {
      await look().catch(() => undefined); // the next look retries
      if (!this.#isClosed && consumer.status().state !== 'stopped') setTimeout(() => void lookAndWait(), watchEveryMs).unref();
    };
    void lookAndWait();
  }

  /** Final: a look in progress opens no new connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#disconnect();
  }

  async #disconnect(): Promise<void> {
    const opened = this.#open;
    this.#open = undefined;
    const open = await opened?.catch(() => undefined);
    await open?.cluster.disconnect().catch(() => undefined);
    open?.client.cut();
  }

  /** Asks for the ends after the mark was written: another consumer may have written it a moment ago. */
  async #isOther(where: TopicPartition, offset: bigint, fingerprint: string | undefined): Promise<boolean> {
    const { low = '0', high = '0' } =
      (await this.offsets(where.topic)).find(({ partition }) => partition === where.partition) ?? {};
    if (offset < BigInt(low)) return false;
    if (offset >= BigInt(high)) return true;
    const [found] = await this.#readAll(where, offset, offset + 1n);
    return found === undefined || fingerprintOf(found) !== fingerprint;
  }

  async #readAll(where: TopicPartition, from: bigint, to: bigint): Promise<IncomingMessage[]> {
    const read: IncomingMessage[] = [];
    await this.read(where, { from, to }, (records) => read.push(...records));
    return read;
  }

  async #with<T>(ask: (cluster: Cluster) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new Error('the client is closed');
    this.#open ??= this.#connect();
    try {
      return await ask((await this.#open).cluster);
    } catch (error) {
      await this.#disconnect(); // the next request opens a new connection
      throw error;
    }
  }

  async #connect(): Promise<{ client: Client; cluster: Cluster }> {
    const client = this.newClient();
    const cluster = newCluster(client);
    await cluster.connect().catch((error: unknown) => {
      client.cut();
      throw error;
    });
    return { client, cluster };
  }
}

/** Empty if the broker is too old or has no ids. */
async function fetchTopicIds(cluster: Cluster, topics: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const broker = await cluster.brokerPool.findConnectedBroker();
  return (await sendFlexible(broker, api, encodeRequest(topics), decodeAnswer)) ?? new Map();
}

/** Topics by name, without auto-creation and without permissions. */
function encodeRequest(topics: readonly string[]): Buffer {
  const asked = topics.map((topic) => Buffer.concat([Buffer.alloc(16), compactString(topic), noTags]));
  return Buffer.concat([noTags, compactArray(asked), Buffer.from([0, 0, 0]), noTags]);
}

/** Reads the response up to the topic ids. */
function decodeAnswer(fields: Fields): ReadonlyMap<string, string> {
  fields.skipTags();
  fields.int32(); // throttle time
  fields.array(() => [fields.int32(), fields.string(), fields.int32(), fields.string(), fields.skipTags()]); // brokers
  fields.string(); // cluster
  fields.int32(); // controller
  const found = fields.array(() => {
    const code = fields.int16();
    const topic = fields.string() ?? '';
    const id = fields.uuid();
    fields.boolean(); // internal
    fields.array(() => {
      fields.int16();
      for (let each = 0; each < 3; each += 1) fields.int32(); // partition, leader, epoch
      for (let each = 0; each < 3; each += 1) fields.array(() => fields.int32()); // replicas, in sync, offline
      fields.skipTags();
    });
    fields.int32(); // permissions
    fields.skipTags();
    return { code, topic, id };
  });
  return new Map(found.flatMap(({ code, topic, id }) => (code === 0 && id !== noId ? [[topic, id]] : [])));
}
