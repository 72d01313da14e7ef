import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { topics, type TopicDeclaration } from '@tradecore/events';
import type { Admin, Kafka } from 'kafkajs';
import { createKafkaClient, type KafkaClient, type KafkaClientSettings } from './kafka-client.ts';
import { createClient, type Client } from './wire/client.ts';
import type { IncomingMessage } from './message.ts';
import { partitionByKey } from './producer/partitioner.ts';
import { readTopic } from './consumer/topic-reader.ts';

/** A broker for one test: a random namespace on the server that KAFKA_BROKERS names, with the declared topics. */
export interface TestKafka {
  readonly kafka: KafkaClient;
  readonly namespace: string;
  readonly brokers: readonly string[];
  /** Another client in the same namespace, as in another process; `drop` closes it too. */
  another(settings?: Partial<KafkaClientSettings>): KafkaClient;
  /** Every record up to a topic's current end, as a `read_committed` reader sees it; in order per partition. */
  readTopic(topic: string): Promise<IncomingMessage[]>;
  /** Writes a record in a transaction and aborts it: the log then ends in aborted and control records. */
  abortOn(topic: string): Promise<void>;
  /** Deletes a topic and creates one of the same name: another log. */
  remake(topic: string): Promise<void>;
  /** Closes the clients and deletes the topics. */
  drop(): Promise<void>;
}

/** Options of a test broker. */
export interface TestBrokerOptions {
  /** The fleet's topics by default; name only those that the test uses: each costs a few milliseconds. */
  readonly declarations?: readonly TopicDeclaration[];
  /** Overrides the declared number of partitions; default 3. */
  readonly partitions?: number;
}

/** The brokers of this test run: KAFKA_BROKERS. */
export function testBrokers(): string[] {
  // Tests have no config; this file is never part of a service.
  const brokers = Reflect.get(process, 'env')['KAFKA_BROKERS'] as string | undefined;
  if (!brokers) throw new Error('KAFKA_BROKERS is not set: these tests need a broker, see `npm test`');
  return brokers.split(',');
}

/** Creates a test broker. */
export async function createTestKafka(options: TestBrokerOptions = {}): Promise<TestKafka> {
  const { declarations = Object.values(topics), partitions = 3 } = options;
  const brokers = testBrokers();
  const namespace = `test-${randomBytes(5).toString('hex')}`;
  const made: KafkaClient[] = [];
  const another = (settings: Partial<KafkaClientSettings> = {}): KafkaClient => {
    const kafka = createKafkaClient({ brokers, clientId: 'test', namespace, declarations, ...settings });
    made.push(kafka);
    return kafka;
  };
  const kafka = another();
  await kafka.ensureTopics({ partitions, replication: 1 });
  return {
    kafka,
    namespace,
    brokers,
    another,
    readTopic: (topic) => readWholeTopic(createClient({ brokers, clientId: 'test-reader' }), `${namespace}.${topic}`, topic),
    abortOn: (topic) => abortOn(createClient({ brokers, clientId: 'test' }), `${namespace}.${topic}`),
    remake: async (topic) => {
      await withAdmin((admin) => admin.deleteTopics({ topics: [`${namespace}.${topic}`] }));
      // Each look with a client that never knew the topic: kafkajs's admin fails on one that it asked for before and that
      // is gone. Nothing is asked of the topic until it left the list: a broker that has just dropped it answers null.
      while ((await withAdmin((admin) => admin.listTopics())).includes(`${namespace}.${topic}`)) await setTimeout(50);
      await another().ensureTopics({ partitions, replication: 1 });
    },
    drop: async () => {
      await Promise.all(made.map((each) => each.close()));
      await withAdmin(async (admin) => {
        const mine = (await admin.listTopics()).filter((topic) => topic.startsWith(`${namespace}.`));
        await admin.deleteTopics({ topics: mine });
      });
    },
  };
}

/** Reads a topic, by its name on the broker, up to its current end: partition by partition, each in order. */
export async function readWholeTopic(client: Client, topic: string, as: string): Promise<IncomingMessage[]> {
  const read: IncomingMessage[][] = [];
  await readTopic(client, { topic, as }, (records) => {
    for (const each of records) (read[each.partition] ??= []).push(each);
  });
  return read.flat();
}

async function abortOn(client: Client, topic: string): Promise<void> {
  const createPartitioner = partitionByKey;
  const producer = client.kafka.producer({ transactionalId: `${topic}.aborts`, idempotent: true, createPartitioner });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ key: 'aborted', value: 'aborted' }] });
  await transaction.abort();
  await producer.disconnect();
  client.cut();
}

/** A bare client of kafkajs, with our patches, on the brokers of this test run; its connections are cut afterwards. */
export async function withKafka<T>(work: (kafka: Kafka) => Promise<T>): Promise<T> {
  const client = createClient({ brokers: testBrokers(), clientId: 'test' });
  return work(client.kafka).finally(() => {
    client.cut();
  });
}

/** Its admin. */
export const withAdmin = <T>(work: (admin: Admin) => Promise<T>): Promise<T> =>
  withKafka(async (kafka) => {
    const admin = kafka.admin();
    await admin.connect();
    return work(admin).finally(() => admin.disconnect());
  });
