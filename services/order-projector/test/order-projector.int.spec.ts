import { StoreIdentity } from '@tradecore/event-sourcing';
import { createTestDatabase } from '@tradecore/event-sourcing/testing';
import {
  orderById,
  orderFrom,
  Orders,
  ordersOfAccount,
  ReadCache,
  readModelMigrations,
  withReadCache,
  type OrderFound,
} from '@tradecore/read-models';
import { TestReadModels } from '@tradecore/read-models/testing';
import { projectorService } from '@tradecore/service/projector';
import { eventually, startTestService, TestProjector } from '@tradecore/service/testing';
import { Redis } from 'ioredis';

const orderProjector = projectorService(Orders, readModelMigrations, withReadCache);
const REDIS_URL = process.env['REDIS_URL'] ?? '';
let projector: TestProjector<TestReadModels>;
let account: string;

beforeAll(async () => {
  projector = await TestProjector.start(orderProjector, TestReadModels.create({ projected: false }), { REDIS_URL });
  account = await projector.models.openAccount({ deposit: '100000' });
}, 30_000);
afterAll(() => projector.drop(), 30_000);

const place = () => projector.models.flow.place(account);
const shown = (orderId: string, version: number) =>
  eventually(async () => {
    const found = await orderById(projector.db, orderId);
    return found && found.version >= version ? found : undefined;
  });

describe('the order-projector', () => {
  it('shows an order as soon as its events are on the topic, and what becomes of it', async () => {
    const id = await place();
    await projector.relay();
    expect((await shown(id, 2)).order).toMatchObject({ status: 'pendingNew', revision: 1, accountVersion: 3 });
    await projector.models.flow.accepted(id);
    await projector.models.flow.traded(id, '10', '101');
    await projector.relay();
    const history = await projector.models.store.readEvents(id);
    expect(await shown(id, history.length)).toEqual({ order: orderFrom(history), version: history.length });
    expect((await shown(id, history.length)).order).toMatchObject({ status: 'filled', executedValue: '1010', accountVersion: 4 });
  }, 20_000);

  it('drops what is cached of an order and of its account once it has committed', async () => {
    const redis = new Redis(REDIS_URL);
    const cache = new ReadCache(redis, new StoreIdentity(projector.db), { life: 5000, patience: 2000 });
    const id = await place();
    await projector.relay();
    await shown(id, 2);
    const versionOf = ({ version }: OrderFound) => version;
    const cached = async () => {
      const order = await cache.read({ model: 'orders', id, query: 'order', wanted: 0, versionOf }, () =>
        orderById(projector.db, id),
      );
      const page = await cache.read({ model: 'orders', id: account, query: 'page', wanted: 0, versionOf: () => 0 }, () =>
        ordersOfAccount(projector.db, { accountId: account, limit: 1 }),
      );
      return [order?.order.status, page?.orders[0]?.order.status].join();
    };
    await eventually(async () => ((await cached()) === 'pendingNew,pendingNew' ? true : undefined));
    const started = performance.now();
    await projector.models.flow.accepted(id);
    await projector.relay();
    await eventually(async () => ((await cached()) === 'new,new' ? true : undefined));
    expect(performance.now() - started).toBeLessThan(4000); // dropped, not expired
    redis.disconnect();
  }, 20_000);

  it('is ready', async () => {
    const { adminUrl } = await projector.another({ REDIS_URL });
    expect(await eventually(async () => ((await fetch(`${adminUrl}/health/ready`)).ok ? true : undefined))).toBe(true);
  }, 20_000);

  it('goes on where it was after a stop', async () => {
    await projector.halt();
    const id = await place();
    await projector.relay();
    await projector.another({ REDIS_URL });
    expect((await shown(id, 2)).order.orderId).toBe(id);
  }, 20_000);

  it('gives the same rows when it is built anew from the store', async () => {
    const before = await ordersOfAccount(projector.db, { accountId: account, limit: 500 });
    const { dataSource } = projector.models.database;
    await dataSource.query(`update order_projector.orders set status = 'canceled', symbol = 'WRONG'`);
    await dataSource.query('select order_projector.rebuild()');
    await eventually(async () => {
      const { orders } = await ordersOfAccount(projector.db, { accountId: account, limit: 500 });
      return orders.every(({ order }) => order.symbol !== 'WRONG') ? true : undefined;
    });
    expect(await ordersOfAccount(projector.db, { accountId: account, limit: 500 })).toEqual(before);
  }, 30_000);
});

it('an order-projector does not start before its tables are there: it waits, and says what it waits for', async () => {
  const bare = await createTestDatabase();
  const env = { DATABASE_URL: bare.url, KAFKA_BROKERS: projector.kafka.brokers.join(), REDIS_URL, START_LIMIT: '300' };
  await expect(startTestService(orderProjector, env)).rejects.toThrow(/the schema lacks .*order-projector-runtime/);
  await bare.drop();
});
