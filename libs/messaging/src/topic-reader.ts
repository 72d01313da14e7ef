import { createRequire } from 'node:module';
import type { Client } from './client.ts';
import type { IncomingMessage, TopicPartition } from './message.ts';

const load = createRequire(import.meta.url);

/** The parts of kafkajs's Cluster that reading without a group needs. */
interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
  findBroker(where: { nodeId: number }): Promise<{ fetch(request: object): Promise<FetchAnswer> }>;
  fetchTopicsOffset(topics: object[]): Promise<{ partitions: { partition: number; offset: string }[] }[]>;
}

interface FetchAnswer {
  readonly responses: readonly { readonly partitions: readonly object[] }[];
}

interface FetchedBatch {
  readonly messages: readonly {
    offset: string;
    timestamp: string;
    key: Buffer | null;
    value: Buffer | null;
    headers?: IncomingMessage['headers'];
  }[];
  isEmptyIncludingFiltered(): boolean;
  lastOffset(): string;
}

const readCommitted = 1;
const maxBytes = 1024 * 1024;

/** kafkajs makes a Cluster for each producer and consumer by a private method; reading without a group needs one alone. */
function newCluster(client: Client): Cluster {
  const symbol = Object.getOwnPropertySymbols(client.kafka).find((each) => each.description === 'private:Kafka:createCluster');
  const kafka = client.kafka as unknown as Record<symbol, (options: object) => Cluster>;
  const create = symbol && kafka[symbol];
  if (!create) throw new Error('kafkajs has no createCluster; its version is checked, so this is a bug of ours');
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false, isolationLevel: readCommitted });
}

/**
 * Reads a topic from its start to the end that it has now, without joining a group: committed records only, each partition in order.
 * `topic` is the name on the broker; `as` is what the records are to say.
 */
export async function readWholeTopic(client: Client, topic: string, as: string): Promise<IncomingMessage[]> {
  const cluster = newCluster(client);
  await cluster.connect();
  try {
    await cluster.addTargetTopic(topic);
    const partitions = cluster.findTopicPartitionMetadata(topic);
    const ask = async (fromBeginning: boolean): Promise<Map<number, bigint>> => {
      const [found] = await cluster.fetchTopicsOffset([
        { topic, fromBeginning, partitions: partitions.map(({ partitionId }) => ({ partition: partitionId })) },
      ]);
      return new Map(found?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    };
    const [starts, ends] = [await ask(true), await ask(false)];
    const read = partitions.map(({ partitionId: partition, leader }) =>
      readPartition(cluster, { topic, partition }, { leader, from: starts.get(partition) ?? 0n, to: ends.get(partition) ?? 0n }),
    );
    return (await Promise.all(read)).flat().map((message) => ({ ...message, topic: as }));
  } finally {
    await cluster.disconnect();
    client.cut();
  }
}

async function readPartition(
  cluster: Cluster,
  where: TopicPartition,
  { leader, from, to }: { leader: number; from: bigint; to: bigint },
): Promise<IncomingMessage[]> {
  const Batch = load('kafkajs/src/consumer/batch') as new (
    topic: string,
    offset: string,
    data: object | undefined,
  ) => FetchedBatch;
  const { topic, partition } = where;
  const kafka = await cluster.findBroker({ nodeId: leader });
  const read: IncomingMessage[] = [];
  for (let next = from; next < to;) {
    const asked = [{ topic, partitions: [{ partition, fetchOffset: String(next), maxBytes }] }];
    const answer = await kafka.fetch({ isolationLevel: readCommitted, maxWaitTime: 100, minBytes: 1, maxBytes, topics: asked });
    const batch = new Batch(topic, String(next), answer.responses[0]?.partitions[0]);
    if (batch.isEmptyIncludingFiltered()) continue;
    for (const { offset, timestamp, key, value, headers = {} } of batch.messages) {
      if (BigInt(offset) < to) read.push({ ...where, offset: BigInt(offset), timestamp: Number(timestamp), key, value, headers });
    }
    next = BigInt(batch.lastOffset()) + 1n;
  }
  return read;
}
