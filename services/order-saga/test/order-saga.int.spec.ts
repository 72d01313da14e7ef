import { brokerOrderIdFor, freshId, placementIdFor, topics, type RecordedEvent } from '@tradecore/events';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { TestReadModels } from '@tradecore/read-models/testing';
import type { RunningService } from '@tradecore/service';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { proposeCorrection, startTestService } from '@tradecore/service/testing';
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
  const { orderEvents, accountEvents, brokerEvents, orderPlacement, controlEvents, corrections, deadLetters, relayPosition } =
    topics;
  const stored = [orderEvents, accountEvents, brokerEvents, orderPlacement, controlEvents, corrections];
  const declarations = [...stored, deadLetters, relayPosition];
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

  it('hears a stored event again when an operator applies a correction, under its lock and once', async () => {
    const accountId = await models.openAccount();
    const orderId = await models.flow.place(accountId);
    await models.relay(kafka.kafka);
    while (!(await rowOf(orderId))) await new Promise((resolve) => setTimeout(resolve, 10));
    await service.stop(); // its rows say that it has heard what it has not acted on, as after a bug
    await models.flow.report(orderId, ['accepted', 'traded']);
    const { dataSource } = models.database;
    const saga = placementIdFor(orderId);
    await dataSource.query(
      `update order_saga.open_sagas set heard = heard || jsonb_build_object($2::text, 2), due_at = null, revision = revision + 1 where saga_id = $1`,
      [saga, brokerOrderIdFor(orderId, 1)],
    );
    await models.relay(kafka.kafka);
    service = await start();
    const reported = (await models.store.readEvents(brokerOrderIdFor(orderId, 1))).map(({ id }) => id);
    const asked = { kind: 'redeliver', owner: 'order-saga', target: saga, events: reported } as const;
    const correction = await proposeCorrection(dataSource, asked);
    expect(await events(orderId, 2)).toEqual(['OrderPlaced', 'OrderApproved']);
    const operator = await models.database.dataSourceFor('operator');
    await operator.query('select operate.apply_correction($1, $2)', [correction, 'release 1.4.1 books it']);
    const topic = topics.corrections.name;
    const twice = `insert into event_outbox select seq + $1, event_id, topic, key from event_outbox where topic = $2`;
    await dataSource.query(twice, [1_000_000, topic]);
    await models.relay(kafka.kafka);
    const whole = ['OrderPlaced', 'OrderApproved', 'OrderAccepted', 'OrderExecuted'];
    expect(await events(orderId, 4)).toEqual(whole);
    const other = await models.flow.place(await models.openAccount());
    await models.relay(kafka.kafka);
    while (!(await rowOf(other))) await new Promise((resolve) => setTimeout(resolve, 10));
    expect([await events(orderId, 4), await events(saga, 2)]).toEqual([whole, ['SubmitBrokerOrder', 'PlacementEnded']]);
    expect((await models.store.loadAggregate(Account, accountId)).available('symbol', 'ACME')).toBe('10');
    await operator.destroy();
  }, 30_000);

  it('is ready, and says why', async () => {
    for (;;) {
      const { ready, checks } = await service.health.report();
      if (ready) return expect(checks.map(({ name }) => name)).toContain('order-saga');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }, 20_000);
});
