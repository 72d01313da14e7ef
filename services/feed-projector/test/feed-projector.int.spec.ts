import { createTestDatabase } from '@tradecore/event-sourcing/testing';
import { freshId } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { feedAfter, feedHeads, feedHintChannel } from '@tradecore/read-models';
import { TestReadModels } from '@tradecore/read-models/testing';
import type { RunningService } from '@tradecore/service';
import { eventually, startTestService, TestProjector } from '@tradecore/service/testing';
import { Redis } from 'ioredis';
import { feedProjector } from '../src/feed-projector.ts';

let projector: TestProjector<TestReadModels>;
let services: RunningService[];
let hints: Redis;
const heard: string[] = [];
const accounts = [freshId(), freshId(), freshId()];
/** Nobody listens there. */
const noRedis = 'redis://127.0.0.1:1';

beforeAll(async () => {
  const redis = process.env['REDIS_URL'];
  if (!redis) throw new Error('REDIS_URL is not set: these tests need Redis, see `npm test`');
  projector = await TestProjector.start(feedProjector, TestReadModels.create({ projected: false }), { REDIS_URL: redis });
  hints = new Redis(redis);
  await hints.subscribe(feedHintChannel(projector.kafka.namespace));
  hints.on('message', (_, account: string) => heard.push(account));
  services = [await projector.another({ REDIS_URL: noRedis })];
  // Built and assigned: what comes now is projected live.
  await eventually(async () => ((await Promise.all(services.map(isReady))).every(Boolean) ? true : undefined));
}, 30_000);
afterAll(async () => {
  hints.disconnect();
  await projector.drop();
}, 30_000);

const isReady = async ({ adminUrl }: RunningService): Promise<boolean> => (await fetch(`${adminUrl}/health/ready`)).ok;

const db = () => projector.models.database.dataSource;
const entriesOf = async (account: string) => {
  const head = (await feedHeads(db(), [account])).get(account)!;
  return (await feedAfter(db(), account, { ...head, sequence: 0 }, 1000)).entries;
};

const until = (condition: () => Promise<boolean>) => eventually(async () => ((await condition()) ? true : undefined));

describe('two feed-projectors, one of them without Redis', () => {
  it('number the changes of each account 1, 2, 3 though its orders lie on several partitions, and each change once', async () => {
    const place = (accountId: string) => projector.models.place({ ...sampleTerms({ accountId }), clientOrderId: freshId() });
    for (let round = 0; round < 5; round += 1) {
      const placed = await Promise.all(
        [...accounts, ...accounts].map(async (account) => ({ account, id: await place(account) })),
      );
      await projector.relay();
      await Promise.all(placed.slice(0, 3).map(({ account, id }) => projector.models.requestCancel(account, id)));
      await projector.relay();
    }
    await until(async () => (await Promise.all(accounts.map(entriesOf))).every((entries) => entries.length >= 15));
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

  it('number what comes from three topics at once without gaps, and each once: orders, money, executions', async () => {
    const accountId = await projector.models.openAccount();
    const { flow } = projector.models;
    const trade = async () => {
      const orderId = await flow.place(accountId);
      await flow.traded(orderId, '4', '101');
    };
    for (let round = 0; round < 5; round += 1) {
      await trade();
      await projector.relay();
    }
    await until(async () => (await entriesOf(accountId)).length >= 32);
    const entries = await entriesOf(accountId);
    expect(entries.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 32 }, (_, n) => n + 1));
    expect(new Set(entries.map(({ eventId }) => eventId)).size).toBe(32);
    const byChange = Map.groupBy(entries, ({ change }) => change);
    expect([...byChange].map(([change, all]) => [change, all.length]).toSorted()).toEqual([
      ['accountOpened', 1],
      ['deposit', 1],
      ['execution', 5],
      ['orderApproved', 5],
      ['orderExecuted', 5],
      ['orderPlaced', 5],
      ['reserved', 5],
      ['settled', 5],
    ]);
    for (const { orderId } of byChange.get('execution') ?? []) {
      expect(byChange.get('orderPlaced')?.map((each) => each.orderId)).toContain(orderId);
    }
  }, 40_000);

  it('hint at the feeds that grew, as far as Redis is there', () => {
    expect(heard.length).toBeGreaterThan(0);
    expect(heard).toEqual(expect.arrayContaining(accounts));
  });

  it('begin a new epoch with the same set of changes when the feed is built anew', async () => {
    const [account] = accounts as [string];
    const before = await entriesOf(account);
    await db().query('select feed_projector.rebuild()');
    await until(async () => (await feedHeads(db(), [account])).get(account)?.epoch !== before[0]?.epoch);
    await until(async () => (await entriesOf(account)).length >= before.length);
    const after = await entriesOf(account);
    const asSet = (entries: typeof before) =>
      entries.map(({ eventId, change, data }) => ({ eventId, change, data })).sort((a, b) => (a.eventId < b.eventId ? -1 : 1));
    expect(asSet(after)).toEqual(asSet(before));
    expect(after.map(({ sequence }) => sequence)).toEqual(before.map(({ sequence }) => sequence));
  }, 40_000);
});

it('a feed-projector does not start before its tables are there: it waits, and says what it waits for', async () => {
  const bare = await createTestDatabase();
  const env = { DATABASE_URL: bare.url, KAFKA_BROKERS: projector.kafka.brokers.join(), REDIS_URL: noRedis, START_LIMIT: '300' };
  await expect(startTestService(feedProjector, env)).rejects.toThrow(/the schema lacks .*feed-projector-runtime/);
  await bare.drop();
});
