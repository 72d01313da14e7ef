import { freshId, placementIdFor, topics, type RecordedEvent, type ReservationAsked } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { TestReadModels } from '@tradecore/read-models/testing';
import type { RunningService } from '@tradecore/service';
import { startTestService } from '@tradecore/service/testing';
import { runInContext } from '@tradecore/telemetry';
import { Account } from '@tradecore/trading';
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

/** An order that the risk rules let pass. */
async function approved(accountId: string, quantity = '10'): Promise<string> {
  const terms = { ...sampleTerms({ accountId, quantity }), clientOrderId: freshId() };
  const orderId = await models.place(terms);
  const { clientOrderId: _, ...own } = terms;
  await models.order(accountId, orderId, (order) => order.approve({ ...own, reservePrice: '101.5' }));
  await models.relay(kafka.kafka);
  return orderId;
}

/** The steps of an order's saga, as soon as there are so many events. */
async function steps(orderId: string, count: number): Promise<RecordedEvent[]> {
  for (;;) {
    const events = await models.store.readEvents(placementIdFor(orderId));
    if (events.length >= count) return events;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The account answers the saga's first step, as command-api does. */
async function reserve(accountId: string, step: RecordedEvent): Promise<void> {
  const account = await models.store.loadAggregate(Account, accountId);
  const { data, aggregateId: sagaId, correlationId } = step as RecordedEvent<ReservationAsked>;
  account.reserve(data);
  const context = { correlationId: correlationId ?? sagaId, causationId: step.id, commandId: data.commandId, sagaId };
  await runInContext(context, () => models.store.saveAggregate(account));
  await models.relay(kafka.kafka);
}

const types = (events: readonly RecordedEvent[]) => events.map(({ type }) => type);

describe('the order-saga', () => {
  it('asks the account first, and when it has reserved the broker, and tells the order', async () => {
    const accountId = await models.openAccount();
    const orderId = await approved(accountId);
    const [, asked] = await steps(orderId, 2);
    await reserve(accountId, asked as RecordedEvent);
    const all = await steps(orderId, 5);
    expect(types(all)).toEqual([
      'PlacementStarted',
      'ReservationAsked',
      'AnswerNoted',
      ...['SubmissionAsked', 'OrderChangeAsked'].toSorted((a, b) => types(all).indexOf(a) - types(all).indexOf(b)),
    ]);
    expect(asked?.metadata.account).toBe(accountId);
  }, 30_000);

  it('tells the order when the money is not there, whoever runs it by then', async () => {
    const accountId = await models.openAccount({ deposit: '5' });
    const orderId = await approved(accountId);
    const [, asked] = await steps(orderId, 2);
    await service.stop();
    await reserve(accountId, asked as RecordedEvent);
    service = await start();
    const told = (await steps(orderId, 4)).find(({ type }) => type === 'OrderChangeAsked');
    expect(told?.data).toMatchObject({ target: orderId, change: { type: 'OrderDenied', data: { rule: 'insufficient-funds' } } });
  }, 30_000);

  it('keeps the deadline of what it waits for', async () => {
    const orderId = await approved(freshId());
    await steps(orderId, 2);
    const [row] = (await models.database.dataSource.query(
      `select due_at > now() as ahead, heard from order_saga.open_sagas where saga_id = $1`,
      [placementIdFor(orderId)],
    )) as object[];
    expect(row).toEqual({ ahead: true, heard: { [orderId]: 2 } });
  }, 30_000);

  it('is ready, and says why', async () => {
    for (;;) {
      const { ready, checks } = await service.health.report();
      if (ready) return expect(checks.map(({ name }) => name)).toContain('order-saga');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }, 20_000);
});
