import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import type { Client } from '../wire/client.ts';
import type { ConnectedBroker } from '../wire/flexible-fields.ts';
import { toIncoming, type IncomingMessage, type RawRecord, type TopicPartition } from '../message.ts';

const load = createRequire(import.meta.url);

/** The parts of kafkajs's Cluster that reading without a group needs. */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
  findBroker(where: { nodeId: number }): Promise<{ fetch(request: object): Promise<FetchAnswer> }>;
  fetchTopicsOffset(topics: object[]): Promise<{ partitions: { partition: number; offset: string }[] }[]>;
  readonly brokerPool: { findConnectedBroker(): Promise<ConnectedBroker> };
}

interface FetchAnswer {
  readonly responses: readonly { readonly partitions: readonly object[] }[];
}

interface FetchedBatch {
  readonly messages: readonly RawRecord[];
  isEmptyIncludingFiltered(): boolean;
  lastOffset(): string;
}

const readCommitted = 1;
const maxBytes = 1024 * 1024;
const silenceMs = 30_000;

/** Reading without a group needs only a Cluster, which kafkajs makes in a private method. */
export function newCluster(client: Client): Cluster {
  const symbol = Object.getOwnPropertySymbols(client.kafka).find((each) => each.description === 'private:Kafka:createCluster');
  const kafka = client.kafka as unknown as Record<symbol, (options: object) => Cluster>;
  const create = symbol && kafka[symbol];
  if (!create) throw new Error('kafkajs has no createCluster; its version is checked, so this is our bug');
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false, isolationLevel: readCommitted });
}

/** Repeats a request, with fresh metadata, while the partition's leader is moving or being elected. */
async function whileLeadersMove<T>(cluster: Cluster, ask: () => Promise<T>): Promise<T> {
  for (const startedAt = Date.now(); ;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof kafkajs.KafkaJSError && error.retriable) || Date.now() - startedAt > silenceMs) throw error;
      await setTimeout(100);
      await cluster.refreshMetadata();
    }
  }
}

/** One partition to read, and how far. */
interface Stretch extends TopicPartition {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Reads a topic from its start to its current end, without a group: committed records only, each partition in order.
 * `topic` is its name on the broker, `as` its name in the records. Throws when the broker returns nothing more before
 * that end.
 */
export async function readTopic(
  client: Client,
  { topic, as }: { readonly topic: string; readonly as: string },
  take: (records: readonly IncomingMessage[]) => void | Promise<void>,
): Promise<void> {
  const cluster = newCluster(client);
  try {
    await cluster.connect();
    await cluster.addTargetTopic(topic);
    const partitions = cluster.findTopicPartitionMetadata(topic);
    const ask = async (fromBeginning: boolean): Promise<Map<number, bigint>> => {
      const asked = partitions.map(({ partitionId }) => ({ partition: partitionId }));
      const [found] = await whileLeadersMove(cluster, () =>
        cluster.fetchTopicsOffset([{ topic, fromBeginning, partitions: asked }]),
      );
      return new Map(found?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    };
    const [starts, ends] = [await ask(true), await ask(false)];
    const read = partitions.map(({ partitionId: partition }) => {
      const stretch = { topic, partition, from: starts.get(partition) ?? 0n, to: ends.get(partition) ?? 0n };
      return readPartition(cluster, stretch, (records) =>
        take(records.map((each) => toIncoming({ topic: as, partition }, each))),
      );
    });
    await Promise.all(read);
  } finally {
    await cluster.disconnect();
    client.cut();
  }
}

/** Reads the committed records of one partition with `from` <= offset < `to`. */
export async function readPartition(
  cluster: Cluster,
  { topic, partition, from, to }: Stretch,
  take: (records: readonly RawRecord[]) => void | Promise<void>,
): Promise<void> {
  const Batch = load('kafkajs/src/consumer/batch') as new (
    topic: string,
    offset: string,
    data: object | undefined,
  ) => FetchedBatch;
  let heardAt = Date.now();
  for (let next = from; next < to;) {
    const asked = [{ topic, partitions: [{ partition, fetchOffset: String(next), maxBytes }] }];
    const request = { isolationLevel: readCommitted, maxWaitTime: 100, minBytes: 1, maxBytes, topics: asked };
    const answer = await whileLeadersMove(cluster, async () => {
      const leader = cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition)?.leader;
      if (leader === undefined) throw new Error(`${topic}/${partition} does not exist`);
      return (await cluster.findBroker({ nodeId: leader })).fetch(request);
    });
    const batch = new Batch(topic, String(next), answer.responses[0]?.partitions[0]);
    if (batch.isEmptyIncludingFiltered()) {
      if (Date.now() - heardAt > silenceMs)
        throw new Error(`${topic}/${partition} returns nothing from offset ${next}; it ends at ${to}`);
      continue;
    }
    await take(batch.messages.filter(({ offset }) => BigInt(offset) < to));
    next = BigInt(batch.lastOffset()) + 1n;
    heardAt = Date.now();
  }
}
