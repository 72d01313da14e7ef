import { jest } from '@jest/globals';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { TopicDeclaration } from '@tradecore/events';
import { setLogLevel } from '@tradecore/telemetry';
import kafkajs, { type Kafka } from 'kafkajs';
import type { Client } from '../src/wire/client.ts';
import type { MessagingError } from '../src/errors.ts';
import { severity } from '../src/wire/kafka-log.ts';
import { patchKafkajs } from '../src/wire/kafkajs-patches.ts';
import { testBrokers, createTestKafka, readWholeTopic, type TestKafka } from '../src/testing.ts';
import { untilReady } from '../src/topics.ts';
import { until } from './until.ts';

// Real servers on a busy machine: what takes half a second alone takes ten seconds under load.
jest.setTimeout(60_000);

const load = createRequire(import.meta.url);
type Method = (this: object, ...args: unknown[]) => unknown;
const prototypeOf = (path: string): Record<string, Method> => (load(path) as { prototype: Record<string, Method> }).prototype;

const topic: TopicDeclaration = {
  name: 'patches',
  key: '-',
  carries: '-',
  writer: 'services',
  partitions: 1,
  retentionMs: 3_600_000,
};

/**
 * The patches change prototypes, so the order matters: each fault is shown with unpatched kafkajs before it is patched.
 */
let plain: Kafka;
let test: TestKafka;
/** The result of each scenario with unpatched kafkajs. */
const asItComes: Record<string, unknown> = {};

const newKafka = (): Kafka =>
  new kafkajs.Kafka({
    brokers: testBrokers(),
    clientId: 'plain',
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 20 },
  });
const unpatched = (kafka: Kafka): Client => ({ kafka, cut: () => undefined });
const transactional = (kafka: Kafka, transactionalId: string) =>
  kafka.producer({ transactionalId, idempotent: true, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
let count = 0;
const fresh = (name: string): string => `patches-${process.pid}-${Date.now()}-${name}-${(count += 1)}`;

async function withTopic<T>(use: (name: string) => Promise<T>): Promise<T> {
  const admin = plain.admin();
  await admin.connect();
  const name = fresh('topic');
  await admin.createTopics({ topics: [{ topic: name, numPartitions: 1 }], waitForLeaders: false });
  await untilReady(admin, [name]);
  try {
    return await use(name);
  } finally {
    await admin.deleteTopics({ topics: [name] });
    await admin.disconnect();
  }
}

/** Timers set within 300 ms by one idle connection. */
async function timersOfAnIdleConnection(): Promise<number> {
  const admin = plain.admin();
  await admin.connect();
  await admin.listTopics();
  const original = globalThis.setTimeout;
  let timers = 0;
  globalThis.setTimeout = Object.assign((...args: Parameters<typeof original>) => {
    timers += 1;
    return original(...args);
  }, original) as typeof original;
  await delay(1000); // in 300 ms a full machine ran 29 timers of an unpatched one
  globalThis.setTimeout = original;
  await admin.disconnect();
  return timers;
}

/** Two transactions open at once on a partition: the second is aborted first; then a third is committed. */
const interleaved = (): Promise<string[]> =>
  withTopic(async (name) => {
    const [first, second] = [transactional(plain, fresh('a')), transactional(plain, fresh('b'))];
    await Promise.all([first.connect(), second.connect()]);
    const one = await first.transaction();
    await one.send({ topic: name, messages: [{ key: 'a', value: 'aborted-1' }] });
    const two = await second.transaction();
    await two.send({ topic: name, messages: [{ key: 'b', value: 'aborted-2' }] });
    await two.abort();
    await one.send({ topic: name, messages: [{ key: 'a', value: 'aborted-3' }] });
    await one.abort();
    return committed(name, first, second);
  });

/** A user's key that looks like an abort marker, inside an aborted transaction. */
const markerLikeKey = (): Promise<string[]> =>
  withTopic(async (name) => {
    const producer = transactional(plain, fresh('c'));
    await producer.connect();
    const transaction = await producer.transaction();
    const messages = [{ key: Buffer.alloc(4), value: 'aborted-1' }, { value: 'aborted-2' }];
    await transaction.send({ topic: name, messages: messages.map((each) => ({ key: null, ...each })) });
    await transaction.abort();
    return committed(name, producer);
  });

/** What is read with aborted records in it: when the broker ends the transactions between two fetches, there are none. */
async function withAborted(read: () => Promise<string[]>): Promise<string[]> {
  for (let left = 5; ; left -= 1) {
    const values = await read();
    if (left === 0 || values.some((value) => value !== 'committed')) return values;
  }
}

async function committed(name: string, ...producers: ReturnType<typeof transactional>[]): Promise<string[]> {
  const last = await patiently(async () => producers[0]?.transaction());
  await last?.send({ topic: name, messages: [{ key: 'c', value: 'committed' }] });
  await last?.commit();
  await Promise.all(producers.map((each) => each.disconnect()));
  return (await readWholeTopic(unpatched(newKafka()), name, name)).map(({ value }) => String(value));
}

/** kafkajs sometimes refuses a transaction right after another (CONCURRENT_TRANSACTIONS); that is not tested here. */
async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = 3; ; left -= 1) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

/** How often five transactions of a warm producer look up the coordinator. */
const coordinatorQuestions = (): Promise<number> =>
  withTopic(async (name) => {
    const producer = transactional(plain, fresh('d'));
    await producer.connect();
    const broker = prototypeOf('kafkajs/src/broker');
    const original = broker['findGroupCoordinator'] as Method;
    let questions = 0;
    broker['findGroupCoordinator'] = function (this: object, ...args: unknown[]) {
      questions += 1;
      return original.apply(this, args);
    };
    for (let each = 0; each < 6; each += 1) {
      if (each === 1) questions = 0;
      const transaction = await producer.transaction();
      await transaction.send({ topic: name, messages: [{ key: 'a', value: 'x' }] });
      await transaction.commit();
      await delay(20);
    }
    broker['findGroupCoordinator'] = original;
    await producer.disconnect();
    return questions;
  });

/** The committed offset that a reader gets while a transaction with a new one is open, and when it gets it. */
const offsetDuringTransaction = (): Promise<{ before: string | undefined; waited: boolean }> =>
  withTopic(async (name) => {
    const [producer, admin, group] = [transactional(plain, fresh('e')), plain.admin(), fresh('group')];
    await Promise.all([producer.connect(), admin.connect()]);
    const transaction = await producer.transaction();
    await transaction.sendOffsets({
      consumerGroupId: group,
      topics: [{ topic: name, partitions: [{ partition: 0, offset: '7' }] }],
    });
    let ended = false;
    const asked = admin.fetchOffsets({ groupId: group, topics: [name] }).then(([found]) => ({
      before: found?.partitions[0]?.offset,
      waited: ended,
    }));
    await Promise.race([asked, delay(200)]);
    ended = true;
    await transaction.commit();
    const answer = await asked;
    await Promise.all([producer.disconnect(), admin.disconnect()]);
    return answer;
  });

/** How often a request was sent while the broker answered the first `times` of them with CONCURRENT_TRANSACTIONS. */
function previousTransactionHangs(apiName: string, times: number): { sent(): number; end(): void } {
  const pool = prototypeOf('kafkajs/src/network/connectionPool');
  const original = pool['send'] as Method;
  let sent = 0;
  pool['send'] = async function (this: object, ...args: unknown[]) {
    const { request } = args[0] as { request: { apiName: string } };
    if (request.apiName !== apiName) return original.apply(this, args);
    sent += 1;
    if (sent > times) return original.apply(this, args);
    const { createErrorFromCode } = load('kafkajs/src/protocol/error') as { createErrorFromCode(code: number): Error };
    throw createErrorFromCode(51);
  };
  return { sent: () => sent, end: () => void (pool['send'] = original) };
}

/** Commits an offset in a transaction while the broker, for three answers, is still ending the previous one. */
const offsetsBehindAnother = (): Promise<string> =>
  withTopic(async (name) => {
    const producer = transactional(plain, fresh('f'));
    await producer.connect();
    const transaction = await producer.transaction();
    const hang = previousTransactionHangs('AddOffsetsToTxn', 3);
    const topics = [{ topic: name, partitions: [{ partition: 0, offset: '1' }] }];
    const said = await transaction.sendOffsets({ consumerGroupId: fresh('group'), topics }).then(
      () => `added after ${hang.sent()}`,
      (error: Error) => error.message,
    );
    hang.end();
    await transaction.abort();
    await producer.disconnect();
    return said;
  });

/** How many sockets of a new client have TCP_NODELAY set. */
async function socketsWithoutNagle(connect: () => Promise<unknown>): Promise<number> {
  const original = Socket.prototype.setNoDelay;
  let told = 0;
  Socket.prototype.setNoDelay = function (this: Socket, on?: boolean) {
    told += on === false ? 0 : 1;
    return original.call(this, on);
  };
  await connect();
  Socket.prototype.setNoDelay = original;
  return told;
}

/** How often an idle group fetches in one second; it still reads a record that arrives then. */
const fetchesOfAnIdleGroup = () =>
  withTopic(async (name) => {
    const consumer = plain.consumer({ groupId: fresh('idle'), maxWaitTimeInMs: 50, heartbeatInterval: 200 });
    let fetches = 0;
    consumer.on(consumer.events.FETCH, () => void (fetches += 1));
    const { promise: read, resolve } = Promise.withResolvers<void>();
    await consumer.connect();
    await consumer.subscribe({ topics: [name], fromBeginning: true });
    await consumer.run({ eachMessage: async () => resolve() });
    while (fetches < 12) await delay(10);
    fetches = 0;
    await delay(1000);
    const inASecond = fetches;
    const producer = plain.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    await producer.send({ topic: name, messages: [{ value: 'first' }] });
    await read;
    await Promise.all([consumer.disconnect(), producer.disconnect()]);
    return inASecond;
  });

/** Makes the next fetch of any consumer fail like a bug in kafkajs or in a handler. */
function breakNextFetch(): void {
  const group = prototypeOf('kafkajs/src/consumer/consumerGroup');
  const original = group['fetch'] as Method;
  group['fetch'] = async () => {
    group['fetch'] = original;
    throw new TypeError('broken on purpose');
  };
}

beforeAll(async () => {
  setLogLevel('fatal');
  plain = newKafka();
  asItComes['timers'] = await timersOfAnIdleConnection();
  asItComes['idle'] = await fetchesOfAnIdleGroup();
  asItComes['interleaved'] = await withAborted(interleaved);
  asItComes['markerLikeKey'] = await withAborted(markerLikeKey);
  asItComes['questions'] = await coordinatorQuestions();
  asItComes['offset'] = await offsetDuringTransaction();
  asItComes['offsets behind another'] = await offsetsBehindAnother();
  asItComes['no delay'] = await socketsWithoutNagle(async () => {
    const admin = plain.admin();
    await admin.connect();
    await admin.disconnect();
  });
  patchKafkajs();
  plain = newKafka();
  test = await createTestKafka({ declarations: [topic], partitions: 1 });
});

afterAll(async () => test.drop());

describe('the kafkajs patches', () => {
  it('refuse any other version', () => {
    expect(() => patchKafkajs('2.3.0')).toThrow(expect.objectContaining({ fault: 'kafkajs-version' }) as MessagingError);
  });

  it('let an idle connection rest: unpatched, it sets a timer every millisecond', async () => {
    expect(asItComes['timers']).toBeGreaterThan(30);
    expect(await timersOfAnIdleConnection()).toBeLessThan(10);
  });

  it('let an idle group wait longer for the next byte: unpatched, it fetches as often as a busy one', async () => {
    expect(asItComes['idle']).toBeGreaterThan(6);
    expect(await fetchesOfAnIdleGroup()).toBeLessThan(5);
  });

  it('hide the records of interleaved aborted transactions: unpatched, they are delivered', async () => {
    expect(asItComes['interleaved']).toContain('aborted-1');
    expect(await interleaved()).toEqual(['committed']);
  });

  it("do not mistake a user's key for an abort marker: unpatched, aborted records are delivered", async () => {
    expect(asItComes['markerLikeKey']).toContain('aborted-2');
    expect(await markerLikeKey()).toEqual(['committed']);
  });

  it('remember the coordinator of a transactional producer: unpatched, it is looked up three times in each transaction', async () => {
    expect(asItComes['questions']).toBeGreaterThanOrEqual(10);
    expect(await coordinatorQuestions()).toBe(0);
  });

  it('read a committed offset only when no transaction can still change it: unpatched, the old one is returned', async () => {
    expect(asItComes['offset']).toEqual({ before: '-1', waited: false });
    expect(await offsetDuringTransaction()).toEqual({ before: '7', waited: true });
  });

  it('wait until the broker has ended the previous transaction: unpatched, an offset sent after it is refused', async () => {
    expect(asItComes['offsets behind another']).toMatch(/another concurrent operation/);
    expect(await offsetsBehindAnother()).toBe('added after 4');
  });

  it('send small requests at once: unpatched, they wait for the previous acknowledgement', async () => {
    expect(asItComes['no delay']).toBe(0);
    expect(await socketsWithoutNagle(() => test.another().clusterId())).toBeGreaterThan(0);
  });
});

describe('a broker without transactions', () => {
  it('is refused at start, and the settings to look at are named', async () => {
    const broker = prototypeOf('kafkajs/src/broker');
    const original = broker['initProducerId'] as Method;
    // The answer of Redpanda with enable_transactions=false.
    broker['initProducerId'] = async () => {
      throw new kafkajs.KafkaJSNonRetriableError('The transactional id authorization failed');
    };
    try {
      const refused = test.kafka.verifyTransactions();
      await expect(refused).rejects.toMatchObject({ fault: 'transactions-off' });
      const message = await refused.catch((error: Error) => error.message);
      for (const setting of ['enable_transactions', 'enable_idempotence', 'transaction.state.log.replication.factor']) {
        expect(message).toContain(setting);
      }
    } finally {
      broker['initProducerId'] = original;
    }
    await expect(test.kafka.verifyTransactions()).resolves.toBeUndefined();
  });
});

describe('the end of a transaction', () => {
  it('is requested once: in doubt the producer is discarded, and the next one finds no trace of the transaction', async () => {
    const contents = (value: string) => ({
      batches: [{ topic: 'patches', messages: [{ key: 'end', value }] }],
      group: 'end',
      positionTopic: 'patches',
      partition: 0,
      offset: 1n,
    });
    const doubtful = await test.kafka.openTransactional({ transactionalId: 'end' });
    const hang = previousTransactionHangs('EndTxn', 1);
    await expect(doubtful.send(contents('doubtful'))).rejects.toMatchObject({ fault: 'send-failed' });
    expect([hang.sent(), doubtful.poisoned]).toEqual([1, true]);
    hang.end();
    await doubtful.discard();
    const next = await test.kafka.openTransactional({ transactionalId: 'end' });
    expect(await test.kafka.committedOffsets('end', 'patches')).toEqual(new Map());
    await next.send(contents('sure'));
    const read = (await test.readTopic('patches')).filter(({ key }) => String(key) === 'end');
    expect(read.map(({ value }) => String(value))).toEqual(['sure']);
    await next.discard();
  });
});

describe('a record whose acknowledgement is lost', () => {
  /** The broker stores the next produce request; its answer never arrives. */
  function loseNextAnswer(): void {
    const pool = prototypeOf('kafkajs/src/network/connectionPool');
    const original = pool['send'] as Method;
    pool['send'] = async function (this: object, ...args: unknown[]) {
      const answer = await original.apply(this, args);
      if ((args[0] as { request: { apiName: string } }).request.apiName !== 'Produce') return answer;
      pool['send'] = original;
      throw new kafkajs.KafkaJSNonRetriableError('the answer is lost');
    };
  }
  const stored = async (key: string) =>
    (await test.readTopic('patches')).filter((each) => String(each.key) === key).map(({ value }) => String(value));

  it('makes a kafkajs producer lose the next record: it reuses the sequence number, and the broker takes it for a duplicate', async () => {
    const producer = plain.producer({ idempotent: true, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    const send = (value: string) => producer.send({ topic: `${test.namespace}.patches`, messages: [{ key: 'swallow', value }] });
    loseNextAnswer();
    await expect(send('first')).rejects.toThrow('lost');
    await send('second');
    expect(await stored('swallow')).toEqual(['first']);
    await producer.disconnect();
  });

  it('makes the bus open a new producer: the next record is stored', async () => {
    const bus = test.another().eventBus();
    loseNextAnswer();
    await expect(bus.publish('patches', { key: 'kept', value: 'first' })).rejects.toMatchObject({ fault: 'send-failed' });
    await bus.publish('patches', { key: 'kept', value: 'second' });
    expect(await stored('kept')).toEqual(['first', 'second']);
  });
});

describe('what kafkajs logs', () => {
  const entry = (level: number, message: string) => ({ level, log: { timestamp: '', message } });
  it.each([
    [1, 'Response AddPartitionsToTxn(key: 24, version: 1)', 'debug'],
    [2, 'The group is rebalancing, re-joining', 'debug'],
    [4, 'Consumer has joined the group', 'debug'],
    [1, 'Connection error: connect ECONNREFUSED', 'error'],
    [2, 'something else', 'warn'],
  ])('at level %i as "%s" is logged at %s', (level, message, wanted) => expect(severity(entry(level, message))).toBe(wanted));
});

describe('a consumer that died', () => {
  it('stays dead in plain kafkajs, and only a listener learns of it', async () => {
    const name = `${test.namespace}.patches`;
    const consumer = plain.consumer({ groupId: fresh('dead'), maxWaitTimeInMs: 50 });
    const crashes: boolean[] = [];
    consumer.on('consumer.crash', ({ payload: { restart } }) => void crashes.push(restart));
    await consumer.connect();
    await consumer.subscribe({ topic: name, fromBeginning: true });
    const seen: string[] = [];
    await consumer.run({ eachMessage: async ({ message }) => void seen.push(String(message.value)) });
    breakNextFetch();
    await until('the crash', () => crashes.length > 0);
    await test.kafka.eventBus().publish('patches', { key: 'a', value: 'after' });
    await delay(500);
    expect(crashes).toEqual([false]);
    expect(seen).not.toContain('after');
    await consumer.disconnect();
  });

  it('is replaced by the supervisor, and consuming continues', async () => {
    const seen: string[] = [];
    const consumer = test.another().runConsumer({
      group: 'reborn',
      topics: ['patches'],
      positions: async () => new Map(),
      onBatch: async ({ messages }) => void seen.push(...messages.map(({ value }) => String(value))),
    });
    await until('the first records', () => seen.length > 0);
    breakNextFetch();
    await until('a restart', () => consumer.status().restarts === 1);
    expect(consumer.status().lastError).toContain('broken on purpose');
    await test.kafka.eventBus().publish('patches', { key: 'a', value: 'after the death' });
    await until('records after the death', () => seen.includes('after the death'));
    expect(consumer.status()).toMatchObject({ state: 'joined', restarts: 1 });
  });
});
