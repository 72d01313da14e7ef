import { createTestDatabase } from '@tradecore/event-sourcing/testing';
import { freshId, topics } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { orderById, orderFrom, orderResponseOf, ordersOfAccount, Orders } from '@tradecore/read-models';
import { TestReadModels } from '@tradecore/read-models/testing';
import type { RunningService } from '@tradecore/service';
import { startTestService } from '@tradecore/service/testing';
import { rebuildProjection } from '@tradecore/consumers';
import { orderProjector } from '../src/order-projector.ts';

let models: TestReadModels;
let kafka: TestKafka;
let service: RunningService;
const account = freshId();

beforeAll(async () => {
  const declarations = [topics.orderEvents, topics.deadLetters, topics.relayPosition];
  [models, kafka] = await Promise.all([TestReadModels.create({ projected: false }), createTestKafka({ declarations })]);
  service = await start();
}, 30_000);
afterAll(async () => {
  await service.stop();
  await Promise.all([models.drop(), kafka.drop()]);
}, 30_000);

const start = (): Promise<RunningService> =>
  startTestService(orderProjector, {
    DATABASE_URL: models.database.urlFor('order-projector'),
    KAFKA_BROKERS: kafka.brokers.join(),
    NAMESPACE: kafka.namespace,
  });

const place = () => models.place({ ...sampleTerms({ accountId: account }), clientOrderId: freshId() });

/** Waits for what must come; the end of the test's time ends it. */
async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const db = () => models.database.dataSource;
const shown = (orderId: string, version: number) =>
  eventually(async () => {
    const found = await orderById(db(), orderId, [account]);
    return found && found.version >= version ? found : undefined;
  });

describe('the order-projector', () => {
  it('shows an order as soon as its event is on the topic, and its cancel after it', async () => {
    const id = await place();
    await models.relay(kafka.kafka);
    expect((await shown(id, 1)).order.status).toBe('pendingNew');
    await models.requestCancel(account, id, 'no');
    await models.relay(kafka.kafka);
    const folded = orderFrom(await models.store.readEvents(id));
    expect(await shown(id, 2)).toEqual({ order: orderResponseOf(folded!), version: 2 });
  }, 20_000);

  it('is ready, and says why', async () => {
    const report = await eventually(async () => {
      const response = await fetch(`${service.adminUrl}/health/ready`);
      return response.status === 200 ? ((await response.json()) as { checks: { name: string }[] }) : undefined;
    });
    expect(report.checks.map(({ name }) => name).join()).toContain('order-projector');
  }, 20_000);

  it('goes on where it was after a stop', async () => {
    await service.stop();
    const id = await place();
    await models.relay(kafka.kafka);
    service = await start();
    expect((await shown(id, 1)).order.id).toBe(id);
  }, 20_000);

  it('gives the same rows when it is built anew from the store', async () => {
    const before = await ordersOfAccount(db(), { accountId: account, limit: 500 });
    await db().query(`update order_projector.orders set status = 'canceled', symbol = 'WRONG'`);
    await rebuildProjection(Orders, { dataSource: db() });
    await eventually(async () => {
      const [row] = await db().query<{ wrong: number }[]>(
        `select count(*)::int as wrong from order_projector.orders where symbol = 'WRONG'`,
      );
      return row?.wrong === 0 ? true : undefined;
    });
    expect(await ordersOfAccount(db(), { accountId: account, limit: 500 })).toEqual(before);
  }, 30_000);
});

it('a order-projector does not start before its tables are there: it waits, and says what it waits for', async () => {
  const bare = await createTestDatabase();
  const env = { DATABASE_URL: bare.url, KAFKA_BROKERS: kafka.brokers.join(), START_LIMIT: '300' };
  await expect(startTestService(orderProjector, env)).rejects.toThrow(/the schema lacks .*order-projector-runtime/);
  await bare.drop();
});
