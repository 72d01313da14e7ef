import { jest } from '@jest/globals';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { topics, type TopicDeclaration } from '@tradecore/events';
import { metricsPage, setLogLevel } from '@tradecore/telemetry';
import kafkajs from 'kafkajs';
import type { KafkaClient } from '../src/kafka-client.ts';
import type { Batch, ConsumerOptions, RunningConsumer } from '../src/consumer/consumer.ts';
import { partitionKey, type IncomingMessage } from '../src/message.ts';
import { createTestKafka, type TestKafka } from '../src/testing.ts';
import { until } from './until.ts';

// Real servers on a busy machine: what takes half a second alone takes ten seconds under load.
jest.setTimeout(60_000);

type Method = (this: object, ...args: unknown[]) => unknown;

const partitions = 3;
let test: TestKafka;
let used = 0;

beforeAll(async () => {
  setLogLevel('fatal');
  test = await createTestKafka({ declarations: [topics.userNotifications, topics.deadLetters], partitions });
});
afterAll(async () => test.drop());

/** A topic for one test, with `count` records spread over its partitions. */
async function filledTopic(
  count: number,
): Promise<{ topic: string; kafka: KafkaClient; publish: (...values: string[]) => Promise<void> }> {
  const declared: TopicDeclaration = { ...topics.userNotifications, name: `t${(used += 1)}` };
  const kafka = test.another({ declarations: [declared, topics.deadLetters] });
  await kafka.ensureTopics({ partitions, replication: 1 }, [declared]);
  const publish = (...values: string[]) =>
    kafka.eventBus().publishBatch(
      declared.name,
      values.map((value) => ({ key: value, value })),
    );
  await publish(...Array.from({ length: count }, (_, n) => `v${n}`));
  return { topic: declared.name, kafka, publish };
}

/** A consumer that records what it receives and keeps its positions as a database would. */
function consume(kafka: KafkaClient, topic: string, change: Partial<ConsumerOptions> = {}) {
  const stored = new Map<string, bigint>();
  const seen: IncomingMessage[] = [];
  const consumer: RunningConsumer = kafka.runConsumer({
    group: `g-${topic}`,
    topics: [topic],
    positions: async () => stored,
    ...change,
    onBatch: async (batch) => {
      await change.onBatch?.(batch);
      seen.push(...batch.messages);
      stored.set(partitionKey(batch), batch.nextOffset);
      consumer.hint(batch);
    },
  });
  const values = () => seen.map(({ value }) => String(value));
  return { consumer, stored, seen, values };
}
const all = (count: number) => Array.from({ length: count }, (_, n) => `v${n}`).toSorted();

describe('a consumer', () => {
  it('delivers every record once, each partition in order, and reports its position', async () => {
    const { topic, kafka } = await filledTopic(300);
    const { consumer, seen, values } = consume(kafka, topic);
    await until('all records', () => seen.length >= 300);
    expect(values().toSorted()).toEqual(all(300));
    for (let partition = 0; partition < partitions; partition += 1) {
      const offsets = seen.filter((each) => each.partition === partition).map(({ offset }) => offset);
      expect(offsets).toEqual(offsets.map((_, n) => BigInt(n)));
    }
    expect(consumer.status()).toMatchObject({ state: 'joined', restarts: 0 });
    expect(consumer.status().assignment).toHaveLength(partitions);
    await consumer.stop();
    expect(consumer.status()).toMatchObject({ state: 'stopped', assignment: [] });
    const ends = await kafka.endOffsets(topic);
    expect(await kafka.committedOffsets(`g-${topic}`, topic)).toEqual(ends);
    expect(await metricsPage()).toContain(`tradecore_messaging_consumed_total{group="g-${topic}",topic="${topic}"} 300`);
  });

  it('starts where its caller says, whatever the group has committed', async () => {
    const { topic, kafka } = await filledTopic(90);
    const first = consume(kafka, topic);
    await until('all records', () => first.seen.length === 90);
    await first.consumer.stop();
    const ends = await kafka.endOffsets(topic);
    const again = consume(kafka, topic, {
      positions: async () => new Map([...ends].map(([p, end]) => [`${topic}/${p}`, end - 5n])),
    });
    await until('the last five of each', () => again.seen.length >= 15);
    await delay(200);
    expect(again.seen).toHaveLength(15);
    await again.consumer.stop();
  });

  it('delivers nothing before the positions are known, and asks for them again after a failure', async () => {
    const { topic, kafka } = await filledTopic(10);
    let asked = 0;
    const assigned: number[] = [];
    const { consumer, seen } = consume(kafka, topic, {
      positions: async (partitions) => {
        asked += 1;
        await delay(300);
        expect(seen).toEqual([]);
        if (asked === 1) throw new Error('the database is away');
        expect(partitions.map(({ startOffset }) => startOffset)).toEqual([0n, 0n, 0n]);
        expect(partitions.reduce((sum, { endOffset }) => sum + endOffset, 0n)).toBe(10n);
        return new Map();
      },
      onAssigned: (partitions) => void assigned.push(partitions.length),
    });
    await until('all records', () => seen.length === 10);
    expect([asked, assigned]).toEqual([2, [3]]);
    await consumer.stop();
  });

  it('repeats a failed batch from the stored position, without dying, while the other partitions continue', async () => {
    const { topic, kafka } = await filledTopic(60);
    let failures = 0;
    const { consumer, seen, values } = consume(kafka, topic, {
      onBatch: async ({ partition }) => {
        if (partition !== 1 || failures === 3) return;
        failures += 1;
        throw new TypeError('a bug in the handler, which would kill kafkajs for good');
      },
    });
    await until('the other partitions', () => seen.length > 0 && failures === 1);
    expect(seen.every(({ partition }) => partition !== 1)).toBe(true);
    await until('all records', () => seen.length >= 60);
    expect(values().toSorted()).toEqual(all(60));
    expect(consumer.status()).toMatchObject({ state: 'joined', restarts: 0 });
    await consumer.stop();
  });

  it('looks up the outcome of a batch whose commit is unknown, and repeats nothing that is stored', async () => {
    const { topic, kafka } = await filledTopic(30);
    let lost = 0;
    const { consumer, stored, seen, values } = consume(kafka, topic, {
      onBatch: async (batch) => {
        if (lost > 0) return;
        lost += 1;
        seen.push(...batch.messages);
        stored.set(partitionKey(batch), batch.nextOffset);
        throw new Error('connection lost at commit; it was stored');
      },
    });
    await until('all records', () => seen.length >= 30);
    await delay(200);
    expect(values().toSorted()).toEqual(all(30));
    await consumer.stop();
  });

  it('follows the latest of two repositions, although the earlier one is answered last', async () => {
    const { topic, kafka } = await filledTopic(30);
    const ends = await kafka.endOffsets(topic);
    const answers: ((positions: ReadonlyMap<string, bigint>) => void)[] = [];
    const { consumer, seen } = consume(kafka, topic, {
      positions: () => new Promise((resolve) => answers.push(resolve)),
    });
    await until('the question of the join', () => answers.length === 1);
    consumer.reposition();
    await until('the question of the reposition', () => answers.length === 2);
    answers[1]?.(new Map([...ends].map(([partition, end]) => [`${topic}/${partition}`, end - 1n])));
    await until('the last record of each partition', () => seen.length === partitions);
    answers[0]?.(new Map());
    await delay(200);
    expect(seen).toHaveLength(partitions);
    await consumer.stop();
  });

  it('returns to the stored positions when told to reposition', async () => {
    const { topic, kafka } = await filledTopic(20);
    const { consumer, stored, seen } = consume(kafka, topic);
    await until('all records', () => seen.length === 20);
    stored.clear();
    consumer.reposition();
    await until('all records again', () => seen.length === 40);
    await consumer.stop();
  });

  it('below or above the log asks for positions again, and never jumps silently', async () => {
    const { topic, kafka } = await filledTopic(5);
    let asked = 0;
    const { consumer, seen } = consume(kafka, topic, {
      positions: async (assigned) => {
        asked += 1;
        return new Map(assigned.map((each) => [partitionKey(each), asked === 1 ? 1_000n : 0n]));
      },
    });
    await until('all records', () => seen.length === 5);
    expect(asked).toBe(2);
    expect(consumer.status()).toMatchObject({ restarts: 1, lastError: expect.stringMatching(/offset/i) as string });
    await consumer.stop();
  });
});

describe('a consumer whose leader has moved', () => {
  /** Behaves as after a move: refuses a client that asks the old leader until it has asked for the leader. */
  function moveLeaders(): () => void {
    const load = createRequire(import.meta.url);
    const { prototype: pool } = load('kafkajs/src/network/connectionPool') as { prototype: Record<string, Method> };
    const { createErrorFromCode } = load('kafkajs/src/protocol/error') as { createErrorFromCode(code: number): Error };
    const send = pool['send'] as Method;
    const informed = new WeakSet();
    pool['send'] = async function (this: object, ...args: unknown[]) {
      const { apiName } = (args[0] as { request: { apiName: string } }).request;
      if (apiName === 'Metadata') informed.add(this);
      if (['Fetch', 'ListOffsets'].includes(apiName) && !informed.has(this)) throw createErrorFromCode(6);
      return send.apply(this, args);
    };
    return () => void (pool['send'] = send);
  }

  it('rejoins and finds its positions, and shows its lag meanwhile', async () => {
    const { topic, kafka, publish } = await filledTopic(30);
    const answer = Promise.withResolvers<void>();
    let asked = 0;
    const { consumer, seen, stored } = consume(kafka, topic, {
      positions: async () => {
        asked += 1;
        if (asked > 1) await answer.promise;
        return stored;
      },
    });
    const series = async () => (await metricsPage()).match(new RegExp(`tradecore_messaging_lag_records\\{.*"${topic}"`, 'g'));
    await until('all records', () => seen.length >= 30);
    const back = moveLeaders();
    await until('the question for positions', () => asked > 1);
    back();
    await publish('late');
    expect(await series()).toHaveLength(partitions);
    answer.resolve();
    await until('the late record', () => seen.length >= 31);
    await consumer.stop();
    expect(await series()).toBeNull();
  });
});

describe('a group', () => {
  it('reassigns its partitions: the old owner learns of it in the middle of a batch, and nothing is lost or stored twice', async () => {
    const { topic, kafka } = await filledTopic(0);
    const stored = new Map<string, bigint>();
    const seen: string[] = [];
    const stale: boolean[] = [];
    const revoked: number[] = [];
    const slow = Promise.withResolvers<void>();
    /** As in the runtime, the position row is compared, so one of two owners rolls back. */
    const store = (batch: Batch) => {
      if ((stored.get(partitionKey(batch)) ?? 0n) !== batch.firstOffset) throw new Error('another owner was faster');
      stored.set(partitionKey(batch), batch.nextOffset);
      seen.push(...batch.messages.map(({ value }) => String(value)));
    };
    const options = { group: 'deal', topics: [topic], positions: async () => new Map(stored) };
    let held = false;
    const first = kafka.runConsumer({
      ...options,
      onRevoked: (gone) => void revoked.push(gone.length),
      onBatch: async (batch) => {
        if (!held) {
          held = true;
          await slow.promise;
          stale.push(batch.isStale());
        }
        store(batch);
      },
    });
    await until('the first member', () => first.status().assignment.length === partitions);
    await kafka.eventBus().publishBatch(
      topic,
      all(100).map((value) => ({ key: value, value })),
    );
    await until('a batch in flight', () => held);
    const other = test.another({ declarations: [{ ...topics.userNotifications, name: topic }] });
    const second = other.runConsumer({ ...options, onBatch: async (batch) => store(batch) });
    await delay(1_500);
    slow.resolve();
    await until('both with a share', () => first.status().assignment.length > 0 && second.status().assignment.length > 0);
    await until('all records', () => seen.length >= 100);
    expect(seen.toSorted()).toEqual(all(100));
    expect(stale).toEqual([true]);
    expect(revoked[0]).toBe(partitions);
    expect(first.status().assignment.length + second.status().assignment.length).toBe(partitions);
    const leftAt = Date.now();
    await second.stop();
    await until('the whole share again', () => first.status().assignment.length === partitions);
    expect(Date.now() - leftAt).toBeLessThan(5_500);
    await first.stop();
  });

  it('sends heartbeats while a handler works', async () => {
    const { topic, kafka } = await filledTopic(1);
    const beats: number[] = [];
    const { consumer, seen } = consume(kafka, topic, {
      onBatch: async () => {
        beats.push(consumer.status().lastHeartbeatAt);
        await delay(1_800);
        beats.push(consumer.status().lastHeartbeatAt);
      },
    });
    await until('the record', () => seen.length === 1);
    expect(beats[1]).toBeGreaterThan(beats[0] ?? 0);
    await consumer.stop();
  });

  it('is left quickly: the batch in flight is finished, and no other is started', async () => {
    const { topic, kafka, publish } = await filledTopic(30);
    const { consumer, seen, stored } = consume(kafka, topic, { onBatch: () => delay(300), concurrency: 1 });
    await until('a first batch', () => seen.length > 0);
    await publish('more');
    const startedAt = Date.now();
    await consumer.stop();
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    const count = seen.length;
    await delay(300);
    expect(seen).toHaveLength(count);
    const committed = await kafka.committedOffsets(`g-${topic}`, topic);
    for (const [key, offset] of stored) expect(committed.get(Number(key.split('/')[1]))).toBe(offset);
  });
});

describe('a subscription of the event bus', () => {
  it('delivers in order, remembers its position, and turns a record that its handler refuses into a dead letter', async () => {
    const { topic, kafka } = await filledTopic(0);
    const bus = kafka.eventBus();
    const messages = Array.from({ length: 20 }, (_, n) => ({ key: 'one', value: String(n), headers: { n: Buffer.from([n]) } }));
    await bus.publishBatch(topic, messages);
    const seen: string[] = [];
    let attempts = 0;
    const subscription = await bus.subscribe(
      topic,
      async ({ value }) => {
        if (String(value) === '7') {
          attempts += 1;
          throw new Error('can not take 7');
        }
        seen.push(String(value));
      },
      { group: 'sub', attempts: 3 },
    );
    await until('the others', () => seen.length === 19);
    expect(seen).toEqual(messages.map(({ value }) => value).filter((value) => value !== '7'));
    expect(attempts).toBe(3);
    await subscription.stop();
    const [letter, ...others] = await test.readTopic(topics.deadLetters.name);
    expect(others).toEqual([]);
    const partition = [...(await kafka.endOffsets(topic))].find(([, end]) => end > 0n)?.[0];
    expect([String(letter?.key), String(letter?.value)]).toEqual([`sub/${topic}/${partition}/7`, '7']);
    expect(letter?.headers).toMatchObject({
      dl_reason: Buffer.from('handler-failed'),
      dl_attempts: Buffer.from('3'),
      dl_error: expect.any(Buffer) as Buffer,
      original_key: Buffer.from('one'),
      original_header_n: Buffer.from([7]),
    });
    await bus.publish(topic, { key: 'one', value: 'next' });
    const again: string[] = [];
    const second = await bus.subscribe(topic, async ({ value }) => void again.push(String(value)), { group: 'sub' });
    await until('the next record', () => again.length > 0);
    expect(again).toEqual(['next']);
    await second.stop();
  });

  it('resumes at the start of the log when unread records were deleted', async () => {
    const { topic, kafka, publish } = await filledTopic(5);
    const seen: string[] = [];
    const subscribe = () =>
      kafka.eventBus().subscribe(topic, async ({ value }) => void seen.push(String(value)), { group: 'cut' });
    const first = await subscribe();
    await until('all records', () => seen.length === 5);
    await first.stop();
    await publish(...all(9));
    const admin = new kafkajs.Kafka({ brokers: [...test.brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    const onBroker = `${test.namespace}.${topic}`;
    const partitions = (await admin.fetchTopicOffsets(onBroker)).map(({ partition, high }) => ({ partition, offset: high }));
    await admin.deleteTopicRecords({ topic: onBroker, partitions });
    await admin.disconnect();
    await publish('next');
    const second = await subscribe();
    await until('the next record', () => seen.includes('next'), 10_000);
    expect([seen.length, second.status().restarts]).toEqual([6, 0]);
    await second.stop();
  });
});

describe('batches that other clients compressed', () => {
  it('are read; a decompression bomb becomes one dead letter; a topic that compresses by itself is refused at start', async () => {
    const { topic, kafka, publish } = await filledTopic(0);
    const onBroker = `${test.namespace}.${topic}`;
    const stranger = new kafkajs.Kafka({ brokers: [...test.brokers], logLevel: kafkajs.logLevel.NOTHING });
    const [admin, producer] = [
      stranger.admin(),
      stranger.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner }),
    ];
    await Promise.all([admin.connect(), producer.connect()]);
    const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: onBroker };
    const compression = async () => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ ...resource, configNames: ['compression.type'] }],
      });
      return resources[0]?.configEntries[0]?.configValue;
    };
    const compressBy = async (value: string) => {
      const configEntries = [{ name: 'compression.type', value }];
      await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] });
      // The broker acknowledges the change before it applies it.
      await until(`compression by ${value}`, async () => (await compression()) === value);
    };
    for (const codec of ['lz4', 'snappy', 'zstd', 'gzip']) {
      await compressBy(codec);
      await publish(codec);
    }
    const differs = kafka.ensureTopics({ partitions, replication: 1 });
    await expect(differs).rejects.toThrow(`${onBroker}: has compression.type = gzip; declared: producer`);
    await compressBy('producer');
    const messages = [{ key: 'lz4', value: Buffer.alloc(65 * 1024 * 1024) }];
    await producer.send({ topic: onBroker, compression: kafkajs.CompressionTypes.ZSTD, messages });
    await publish('after', 'lz4');
    const seen: string[] = [];
    const subscription = await kafka
      .eventBus()
      .subscribe(topic, async ({ value }) => void seen.push(String(value)), { group: `compressed-${topic}` });
    await until('all others', () => seen.length >= 6);
    expect(seen.toSorted()).toEqual(['after', 'gzip', 'lz4', 'lz4', 'snappy', 'zstd']);
    expect(subscription.status().restarts).toBe(0);
    await subscription.stop();
    const letters = (await test.readTopic(topics.deadLetters.name)).filter(({ key }) => String(key).includes(`/${topic}/`));
    expect(letters.map(({ headers }) => String(headers['dl_detail']))).toEqual([
      expect.stringMatching(/^offsets (\d) to \1: .*larger/),
    ]);
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  });
});

describe('a dead letter', () => {
  it('just under the size limit, with its headers, is stored whole', async () => {
    const { topic, kafka } = await filledTopic(0);
    const value = 'x'.repeat(999_000);
    await kafka.eventBus().publish(topic, { key: 'large', value, headers: { h: 'y'.repeat(500) } });
    const [original] = await test.readTopic(topic);
    await kafka.deadLetter(original as IncomingMessage, {
      group: 'g',
      reason: 'undecodable',
      attempts: 1,
      error: new Error('no'),
    });
    const letters = await test.readTopic(topics.deadLetters.name);
    const mine = letters.find(({ key }) => String(key).startsWith(`g/${topic}/`));
    expect(mine?.value?.length).toBe(value.length);
    expect(mine?.headers['dl_truncated_from_bytes']).toBeUndefined();
    expect(await metricsPage()).toMatch(/tradecore_messaging_dead_letters_total\{reason="undecodable"\} [1-9]/);
  });
});
