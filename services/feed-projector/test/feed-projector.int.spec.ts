import { createTestDatabase } from '@tradecore/event-sourcing/testing';
import { freshId, topics } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { feedAfter, feedHeads, feedHintChannel, Feed } from '@tradecore/read-models';
import { TestReadModels } from '@tradecore/read-models/testing';
import type { RunningService } from '@tradecore/service';
import { startTestService } from '@tradecore/service/testing';
import { rebuildProjection } from '@tradecore/consumers';
import { Redis } from 'ioredis';
import { feedProjector } from '../src/feed-projector.ts';

let models: TestReadModels;
let kafka: TestKafka;
let services: RunningService[];
let hints: Redis;
const heard: string[] = [];
const accounts = [freshId(), freshId(), freshId()];
/** Nobody listens there. */
const noRedis = 'redis://127.0.0.1:1';

beforeAll(async () => {
  const declarations = [topics.orderEvents, topics.accountEvents, topics.brokerEvents, topics.deadLetters, topics.relayPosition];
  [models, kafka] = await Promise.all([TestReadModels.create({ projected: false }), createTestKafka({ declarations })]);
  const redis = process.env['REDIS_URL'];
  if (!redis) throw new Error('REDIS_URL is not set: these tests need Redis, see `npm test`');
  hints = new Redis(redis);
  await hints.subscribe(feedHintChannel(kafka.namespace));
  hints.on('message', (_, account: string) => heard.push(account));
  services = await Promise.all([start(redis), start(noRedis)]);
  // Built and assigned: what comes now is projected live.
  await eventually(async () => (await Promise.all(services.map(isReady))).every(Boolean));
}, 30_000);
afterAll(async () => {
  hints.disconnect();
  await Promise.all(services.map((each) => each.stop()));
  await Promise.all([models.drop(), kafka.drop()]);
}, 30_000);

const start = (redis: string): Promise<RunningService> =>
  startTestService(feedProjector, {
    DATABASE_URL: models.database.urlFor('feed-projector'),
    KAFKA_BROKERS: kafka.brokers.join(),
    NAMESPACE: kafka.namespace,
    REDIS_URL: redis,
  });

const isReady = async ({ adminUrl }: RunningService): Promise<boolean> => (await fetch(`${adminUrl}/health/ready`)).ok;

const db = () => models.database.dataSource;
const entriesOf = async (account: string) => {
  const head = (await feedHeads(db(), [account])).get(account)!;
  return (await feedAfter(db(), account, { ...head, sequence: 0 }, 1000)).entries;
};

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('two feed-projectors, one of them without Redis', () => {
  it('number the changes of each account 1, 2, 3 though its orders lie on several partitions, and each change once', async () => {
    const place = (accountId: string) => models.place({ ...sampleTerms({ accountId }), clientOrderId: freshId() });
    for (let round = 0; round < 5; round += 1) {
      const placed = await Promise.all(
        [...accounts, ...accounts].map(async (account) => ({ account, id: await place(account) })),
      );
      await models.relay(kafka.kafka);
      await Promise.all(placed.slice(0, 3).map(({ account, id }) => models.requestCancel(account, id)));
      await models.relay(kafka.kafka);
    }
    await eventually(async () => (await Promise.all(accounts.map(entriesOf))).every((entries) => entries.length >= 15));
    for (const account of accounts) {
      const entries = await entriesOf(account);
      expect(entries.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 15 }, (_, n) => n + 1));
      expect(new Set(entries.map(({ eventId }) => eventId)).size).toBe(15);
      for (const id of new Set(entries.map(({ orderId }) => orderId))) {
        const versions = entries.filter(({ orderId }) => orderId === id).map(({ orderVersion }) => orderVersion);
        expect(versions).toEqual(versions.toSorted());
      }
    }
  }, 40_000);

  it('number what comes from three topics at once without gaps, and each once: orders, money, executions at the broker', async () => {
    const accountId = await models.openAccount();
    const trade = async () => {
      const orderId = await models.place({ ...sampleTerms({ accountId }), clientOrderId: freshId() });
      const executedAt = '2026-01-02T03:04:05.000000Z';
      const figures = { executionId: freshId(), quantity: '4', price: '101', executedAt };
      await models.brokerOrder(accountId, freshId(), (revision) => {
        revision.submit({ ...sampleTerms({ accountId }), orderId, revision: 1 });
        revision.report({ ...figures, brokerageOrderId: orderId, brokerageExecutionId: figures.executionId });
      });
      await models.account(accountId, (account) => account.settle({ ...figures, orderId, symbol: 'ACME', side: 'buy' }));
    };
    for (let round = 0; round < 5; round += 1) {
      await trade();
      await models.relay(kafka.kafka);
    }
    await eventually(async () => (await entriesOf(accountId)).length >= 17);
    const entries = await entriesOf(accountId);
    expect(entries.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 17 }, (_, n) => n + 1));
    expect(new Set(entries.map(({ eventId }) => eventId)).size).toBe(17);
    const told = Map.groupBy(entries, ({ change }) => change);
    expect([...told].map(([change, all]) => [change, all.length]).toSorted()).toEqual([
      ['accountOpened', 1],
      ['deposit', 1],
      ['execution', 5],
      ['orderPlaced', 5],
      ['settled', 5],
    ]);
    for (const { orderId } of told.get('execution') ?? []) {
      expect(told.get('orderPlaced')?.map((each) => each.orderId)).toContain(orderId);
    }
  }, 40_000);

  it('tell open sockets whose feed grew, as far as Redis is there', () => {
    expect(heard.length).toBeGreaterThan(0);
    expect(heard).toEqual(expect.arrayContaining(accounts));
  });

  it('begin a new epoch with the same set of changes when the feed is built anew', async () => {
    const [account] = accounts as [string];
    const before = await entriesOf(account);
    await rebuildProjection(Feed, { dataSource: db() });
    await eventually(async () => (await feedHeads(db(), [account])).get(account)?.epoch !== before[0]?.epoch);
    await eventually(async () => (await entriesOf(account)).length >= before.length);
    const after = await entriesOf(account);
    const asSet = (entries: typeof before) =>
      entries.map(({ eventId, change, data }) => ({ eventId, change, data })).sort((a, b) => (a.eventId < b.eventId ? -1 : 1));
    expect(asSet(after)).toEqual(asSet(before));
    expect(after.map(({ sequence }) => sequence)).toEqual(before.map(({ sequence }) => sequence));
  }, 40_000);
});

it('a feed-projector does not start before its tables are there: it waits, and says what it waits for', async () => {
  const bare = await createTestDatabase();
  const env = { DATABASE_URL: bare.url, KAFKA_BROKERS: kafka.brokers.join(), REDIS_URL: noRedis, START_LIMIT: '300' };
  await expect(startTestService(feedProjector, env)).rejects.toThrow(/the schema lacks .*feed-projector-runtime/);
  await bare.drop();
});
