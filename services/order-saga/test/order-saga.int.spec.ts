import { freshId, placementIdFor, topics, type RecordedEvent } from '@tradecore/events';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { TestReadModels } from '@tradecore/read-models/testing';
import type { RunningService } from '@tradecore/service';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { startTestService } from '@tradecore/service/testing';
import { runInContext } from '@tradecore/telemetry';
import { Account, Order } from '@tradecore/trading';
import { orderSaga } from '../src/order-saga.module.ts';

let models: TestReadModels;
let kafka: TestKafka;
let service: RunningService;

const start = (): Promise<RunningService> =>
  startTestService(orderSaga, {
    DATABASE_URL: models.database.urlFor('order-saga'),
    KAFKA_BROKERS: kafka.brokers.join(),
    NAMESPACE: kafka.namespace,
  });

beforeAll(async () => {
  const { orderEvents, accountEvents, brokerEvents, orderPlacement, deadLetters, relayPosition } = topics;
  const declarations = [orderEvents, accountEvents, brokerEvents, orderPlacement, deadLetters, relayPosition];
  [models, kafka] = await Promise.all([
    TestReadModels.create({ projected: false, migrations: runtimeMigrations }),
    createTestKafka({ declarations }),
  ]);
  service = await start();
}, 30_000);
afterAll(async () => {
  await service.stop();
  await Promise.all([models.drop(), kafka.drop()]);
}, 30_000);

/** The events of an aggregate, once there are at least this many. */
async function events(id: string, count: number): Promise<string[]> {
  for (;;) {
    const stored = await models.store.readEvents(id);
    if (stored.length >= count) return stored.map(({ type }) => type);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const rowOf = async (orderId: string): Promise<object | undefined> =>
  (
    (await models.database.dataSource.query(
      `select due_at > now() as ahead, heard from order_saga.open_sagas where saga_id = $1`,
      [placementIdFor(orderId)],
    )) as object[]
  )[0];

describe('the order-saga', () => {
  it("books what the brokerage reports in the same save as the order's change, and ends the placement", async () => {
    const accountId = await models.openAccount();
    const orderId = await models.flow.place(accountId);
    await models.flow.report(orderId, ['accepted', 'traded']);
    await models.relay(kafka.kafka);
    expect(await events(orderId, 4)).toEqual(['OrderPlaced', 'OrderApproved', 'OrderAccepted', 'OrderExecuted']);
    expect(await events(placementIdFor(orderId), 2)).toEqual(['SubmitBrokerOrder', 'PlacementEnded']);
    const account = await models.store.loadAggregate(Account, accountId);
    expect([account.reservation(orderId), account.available('symbol', 'ACME')]).toEqual([undefined, '10']);
    const executed = (await models.store.readEvents(orderId, { from: 4 }))[0] as RecordedEvent;
    expect(executed.data).toMatchObject({ accountVersion: account.version });
    expect(await rowOf(orderId)).toBeUndefined();
  }, 30_000);

  it('keeps the deadline of the submitting step until the brokerage answers', async () => {
    const orderId = await models.flow.place(await models.openAccount());
    await models.relay(kafka.kafka);
    while (!(await rowOf(orderId))) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await rowOf(orderId)).toMatchObject({ ahead: true, heard: { [orderId]: 2 } });
    await models.flow.report(orderId, ['accepted']);
    await models.relay(kafka.kafka);
    await events(orderId, 3);
    expect(await rowOf(orderId)).toMatchObject({ ahead: null });
  }, 30_000);

  it('acts on a request stored by the API after the order was cached, although a no-op decision verifies nothing', async () => {
    const accountId = await models.openAccount();
    const orderId = await models.flow.place(accountId);
    await models.flow.report(orderId, ['accepted']);
    await models.relay(kafka.kafka);
    await events(orderId, 3);
    const order = await models.store.loadAggregate(Order, orderId);
    order.requestCancel();
    const context = { correlationId: freshId(), account: accountId };
    await runInContext(context, () => models.store.saveAggregate(order));
    await models.relay(kafka.kafka);
    expect(await events(placementIdFor(orderId), 2)).toEqual(['SubmitBrokerOrder', 'CancelBrokerOrder']);
  }, 20_000);

  it('catches up on what arrived while it was down', async () => {
    const orderId = await models.flow.place(await models.openAccount());
    await service.stop();
    await models.flow.report(orderId, ['accepted', 'traded']);
    await models.relay(kafka.kafka);
    service = await start();
    await events(orderId, 4);
    expect((await models.store.loadAggregate(Order, orderId)).status).toBe('filled');
  }, 30_000);

  it('is ready, and says why', async () => {
    for (;;) {
      const { ready, checks } = await service.health.report();
      if (ready) return expect(checks.map(({ name }) => name)).toContain('order-saga');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }, 20_000);
});
