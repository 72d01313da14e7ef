import { createRequire } from 'node:module';
import { jest } from '@jest/globals';
import { topics, type TopicDeclaration } from '@tradecore/events';
import { metricsPage, setLogLevel } from '@tradecore/telemetry';
import { MessagingError } from '../src/errors.ts';
import { createTestKafka, type TestKafka } from '../src/testing.ts';

// Real servers on a busy machine: what takes half a second alone takes ten seconds under load.
jest.setTimeout(60_000);

const declarations: TopicDeclaration[] = [topics.orderEvents, topics.userNotifications, topics.deadLetters, topics.relayPosition];
const [orders, notices, positions] = [topics.orderEvents.name, topics.userNotifications.name, topics.relayPosition.name];
const fault = (name: string) => expect.objectContaining({ name: 'MessagingError', fault: name }) as MessagingError;
const position = (offset: bigint) => ({ group: 'relay', positionTopic: positions, partition: 0, offset });

let test: TestKafka;
beforeAll(async () => {
  setLogLevel('fatal');
  test = await createTestKafka({ declarations });
});
afterAll(async () => test.drop());

describe('topics', () => {
  it('are created once and verified afterwards', async () => {
    expect(await test.kafka.ensureTopics({ partitions: 3, replication: 1 })).toEqual({
      created: [],
      verified: declarations.map(({ name }) => name),
    });
  });

  it('that differ from their declaration are refused, and every difference is named', async () => {
    const other = test.another({
      declarations: [
        { ...topics.orderEvents, retentionMs: 1000 },
        { ...topics.userNotifications, compacted: true },
      ],
    });
    const refused = other.ensureTopics({ partitions: 5, replication: 3 });
    await expect(refused).rejects.toEqual(fault('topics'));
    const message = await refused.catch((error: Error) => error.message);
    for (const part of [
      `${orders}: has 3 partitions; declared: 5`,
      `${orders}: has replication factor 1; required: 3`,
      `${orders}: has min.insync.replicas = 1; required: 2`,
      `${orders}: has retention.ms = 604800000; declared: 1000`,
      `${notices}: has cleanup.policy = delete; declared: compact`,
    ]) {
      expect(message).toContain(part);
    }
  });

  it('may have more partitions than declared, because counts only grow', async () => {
    await expect(test.kafka.ensureTopics({ partitions: 2, replication: 1 })).resolves.toMatchObject({ created: [] });
  });

  it('are created by one of several processes that start at the same moment', async () => {
    const late: TopicDeclaration = { ...topics.userNotifications, name: 'late' };
    const all = await Promise.all([0, 1, 2].map(() => test.another().ensureTopics({ partitions: 1, replication: 1 }, [late])));
    expect(all).toHaveLength(3);
    expect((await test.kafka.endOffsets('late')).size).toBe(1);
  });

  it('are never created by accident', async () => {
    await expect(test.kafka.eventBus().publish('no.such', { key: 'a', value: 'x' })).rejects.toEqual(fault('undeclared-topic'));
  });
});

describe('the event bus', () => {
  it('keeps the order of each key through batching, and its bytes and headers', async () => {
    const bus = test.kafka.eventBus();
    const keys = ['a', 'b', 'c', 'd', 'e'];
    const sent = Array.from({ length: 500 }, (_, n) => ({
      key: keys[n % keys.length] as string,
      value: String(n),
      headers: { n: String(n) },
    }));
    await Promise.all(sent.map((message) => bus.publish(notices, message)));
    await bus.publishBatch(notices, [
      { key: 'a', value: Buffer.from([0, 255]) },
      { key: 'a', value: null },
    ]);
    const read = await test.readTopic(notices);
    for (const key of keys) {
      const mine = read.filter((each) => String(each.key) === key && each.headers['n'] !== undefined);
      expect(mine.map(({ value }) => String(value))).toEqual(sent.filter((each) => each.key === key).map(({ value }) => value));
      expect(mine.every(({ value, headers }) => String(value) === String(headers['n']))).toBe(true);
    }
    expect(read.filter(({ headers }) => headers['n'] === undefined).map(({ value }) => value)).toEqual([
      Buffer.from([0, 255]),
      null,
    ]);
  });

  it.each(['gzip', 'zstd'] as const)('reads what it compressed with %s', async (compression) => {
    const bus = test.another({ compression }).eventBus();
    await bus.publishBatch(notices, [{ key: compression, value: 'x'.repeat(5000) }]);
    const read = await test.readTopic(notices);
    expect(read.filter(({ key }) => String(key) === compression).map(({ value }) => value?.length)).toEqual([5000]);
  });

  it('refuses topics of stored events: only the relay writes those', async () => {
    await expect(test.kafka.eventBus().publish(orders, { key: 'a', value: 'x' })).rejects.toEqual(fault('forbidden-topic'));
    await expect(test.kafka.eventBus().publish(positions, { key: 'a', value: 'x' })).rejects.toEqual(fault('forbidden-topic'));
  });

  it('refuses what the broker would refuse, before it can harm other records of its batch', async () => {
    const bus = test.kafka.eventBus();
    const small = bus.publish(notices, { key: 'small', value: 'x' });
    await expect(bus.publish(notices, { key: 'a', value: 'x'.repeat(1_000_001) })).rejects.toEqual(fault('too-large'));
    await expect(small).resolves.toBeUndefined();
  });

  it('holds no more than 10,000 records and 32 MiB', async () => {
    const bus = test.another().eventBus();
    const one = (size: number) => ({ key: 'a', value: 'x'.repeat(size) });
    await expect(
      bus.publishBatch(
        notices,
        Array.from({ length: 10_001 }, () => one(1)),
      ),
    ).rejects.toEqual(fault('queue-full'));
    await expect(
      bus.publishBatch(
        notices,
        Array.from({ length: 34 }, () => one(999_000)),
      ),
    ).rejects.toEqual(fault('queue-full'));
    await expect(bus.publish(notices, one(1))).resolves.toBeUndefined();
  });

  it('continues with a new producer after a failed flush', async () => {
    const missing: TopicDeclaration = { ...topics.userNotifications, name: 'gone' };
    const bus = test.another({ declarations: [...declarations, missing] }).eventBus();
    await expect(bus.publish('gone', { key: 'a', value: 'x' })).rejects.toEqual(fault('send-failed'));
    await expect(bus.publish(notices, { key: 'after', value: 'y' })).resolves.toBeUndefined();
    expect((await test.readTopic(notices)).filter(({ key }) => String(key) === 'after')).toHaveLength(1);
  });

  it('sends what is queued before it closes, and accepts nothing afterwards', async () => {
    const kafka = test.another();
    const sent = kafka.eventBus().publish(notices, { key: 'last', value: 'z' });
    await kafka.close();
    await expect(sent).resolves.toBeUndefined();
    await expect(kafka.eventBus().publish(notices, { key: 'later', value: 'z' })).rejects.toEqual(fault('closed'));
  });
});

describe('a transactional producer', () => {
  const read = async () => (await test.readTopic(orders)).map(({ value }) => String(value));
  const records = (...values: string[]) => [{ topic: orders, messages: values.map((value) => ({ key: 'a', value })) }];

  it('writes records and its position together, and a reader sees both or neither', async () => {
    const producer = await test.kafka.openTransactional({ transactionalId: 'together', writer: 'relay' });
    await producer.send({ batches: records('1', '2'), ...position(1n) });
    await producer.send({ batches: [], ...position(2n) });
    expect(await read()).toEqual(['1', '2']);
    expect(await test.kafka.committedOffsets('relay', positions)).toEqual(new Map([[0, 2n]]));
    await producer.discard();
  });

  it('is fenced by a newer one of the same id: its records are never seen, and it stays poisoned', async () => {
    const older = await test.kafka.openTransactional({ transactionalId: 'fence', writer: 'relay' });
    await older.send({ batches: records('before'), ...position(3n) });
    const newer = await test.another().openTransactional({ transactionalId: 'fence', writer: 'relay' });
    await expect(older.send({ batches: records('zombie'), ...position(9n) })).rejects.toEqual(fault('fenced'));
    expect(older.poisoned).toBe(true);
    await expect(older.send({ batches: records('zombie'), ...position(9n) })).rejects.toEqual(fault('poisoned'));
    await newer.send({ batches: records('after'), ...position(4n) });
    expect((await read()).slice(-2)).toEqual(['before', 'after']);
    expect(await test.kafka.committedOffsets('relay', positions)).toEqual(new Map([[0, 4n]]));
    await Promise.all([older.discard(), newer.discard()]);
  });

  it('that failed leaves nothing behind, and a new one continues at once', async () => {
    const before = await read();
    const failing = await test.kafka.openTransactional({ transactionalId: 'fails', writer: 'relay' });
    const large = { topic: orders, messages: [{ key: 'a', value: 'x'.repeat(1_200_000) }] };
    await expect(failing.send({ batches: [...records('lost'), large], ...position(10n) })).rejects.toEqual(fault('too-large'));
    await failing.discard();
    const next = await test.kafka.openTransactional({ transactionalId: 'fails', writer: 'relay' });
    await next.send({ batches: records('kept'), ...position(5n) });
    expect((await read()).slice(before.length)).toEqual(['kept']);
    expect(await test.kafka.committedOffsets('relay', positions)).toEqual(new Map([[0, 5n]]));
    await next.discard();
  });

  it('writes stored events only for the relay', async () => {
    const producer = await test.kafka.openTransactional({ transactionalId: 'not-the-relay' });
    await expect(producer.send({ batches: records('x'), ...position(6n) })).rejects.toEqual(fault('forbidden-topic'));
    expect(producer.poisoned).toBe(false);
    await producer.discard();
  });

  it('is discarded quickly, even with a transaction in flight', async () => {
    const producer = await test.kafka.openTransactional({ transactionalId: 'cut', writer: 'relay' });
    const sending = producer.send({ batches: records('cut'), ...position(7n) });
    const startedAt = Date.now();
    const failed = expect(sending).rejects.toBeInstanceOf(MessagingError);
    await producer.discard();
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    await failed;
  });
});

describe('the broker', () => {
  it('proves that transactions are on', async () => expect(test.kafka.verifyTransactions()).resolves.toBeUndefined());

  it('reports its id and the ends of its topics', async () => {
    expect(await test.kafka.clusterId()).toMatch(/\S/);
    const [starts, ends] = [await test.kafka.startOffsets(notices), await test.kafka.endOffsets(notices)];
    expect([...starts.values()]).toEqual([0n, 0n, 0n]);
    expect([...ends.values()].reduce((sum, each) => sum + each)).toBeGreaterThan(500n);
  });

  it('that answers but has no id yet identifies no log', async () => {
    const { prototype } = createRequire(import.meta.url)('kafkajs/src/cluster') as { prototype: { metadata(): Promise<object> } };
    const metadata = prototype.metadata;
    // As Redpanda answers for up to 10 s after its first start.
    prototype.metadata = async function (this: object, ...args) {
      return { ...(await metadata.apply(this as never, args)), clusterId: 'redpanda.initializing' };
    };
    try {
      await expect(test.kafka.clusterId()).rejects.toEqual(fault('unreachable'));
      await test.kafka.endOffsets(notices);
    } finally {
      prototype.metadata = metadata;
    }
    expect(await test.kafka.clusterId()).toMatch(/\S/);
  });

  it('that is unreachable is reported within a few seconds', async () => {
    const nowhere = test.another({ brokers: ['127.0.0.1:1'] });
    await expect(nowhere.clusterId()).rejects.toEqual(fault('unreachable'));
  });

  it('counts what was written and what failed', async () => {
    const text = await metricsPage();
    expect(text).toMatch(/tradecore_messaging_published_total\{topic="transport.order-events"\} [1-9]/);
    expect(text).toContain('tradecore_messaging_dead_letters_total{reason="undecodable"} 0');
  });
});
