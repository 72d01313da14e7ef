import { createEventStore, type PostgresEventStore } from '@tradecore/event-sourcing';
import {
  brokerOrderIdFor,
  catalogue,
  causedEventId,
  freshId,
  OrderChangeAsked,
  ReleaseAsked,
  ReservationAsked,
  ReservationChangeAsked,
  SettlementAsked,
  type OrderChange,
} from '@tradecore/events';
import { Account } from '@tradecore/trading';
import { AskingSaga } from './asking-saga.ts';
import { RunningCommandApi, type Answer } from './running-command-api.ts';

let service: RunningCommandApi;
let store: PostgresEventStore;
/** Each test's own client, with 1,000 in its account, and saga. */
let api: RunningCommandApi;
let saga: AskingSaga;
beforeAll(async () => {
  service = await RunningCommandApi.start();
  store = createEventStore({ dataSource: service.database.dataSource, catalogue });
});
afterAll(async () => {
  await store?.close();
  await service?.stop();
});
beforeEach(async () => {
  api = await service.newClient();
  await api.deposit('1000');
  saga = await AskingSaga.of(api);
});
afterEach(() => saga.end());

const step = (target: string) => ({ target, commandId: freshId(), attempt: 1, dueAt: '2026-11-23T15:00:00.000Z' });
const reserve = (quantity: string, changes: object = {}) =>
  new ReservationAsked({
    ...step(api.account),
    orderId: freshId(),
    symbol: 'ACME',
    side: 'buy',
    quantity,
    unitPrice: '100',
    ...changes,
  });
const settle = (orderId: string, quantity: string, side: 'buy' | 'sell' = 'buy') =>
  new SettlementAsked({
    ...step(api.account),
    orderId,
    symbol: 'ACME',
    side,
    executionId: freshId(),
    quantity,
    price: '100',
    executedAt: '2026-11-23T14:00:00.000Z',
  });
const tell = (orderId: string, change: OrderChange) => new OrderChangeAsked({ ...step(orderId), change });
const withdraw = (amount: string): Promise<Answer> =>
  api.post(`/v1/accounts/${api.account}/withdrawals`, { amount }, { headers: { 'idempotency-key': freshId() } });
const account = () => store.loadAggregate(Account, api.account);

/** Money that is free, money and shares that are held, shares that are free. */
async function holdings(): Promise<string[]> {
  const loaded = await account();
  return [
    loaded.available('currency', 'USD'),
    loaded.reserved('currency', 'USD'),
    loaded.reserved('symbol', 'ACME'),
    loaded.available('symbol', 'ACME'),
  ];
}

describe('an account that a saga asks', () => {
  it('answers with an event of the saga, caused by the step, under the id that the command gives it', async () => {
    const [asked] = await saga.ask(reserve('5'));
    const [answer] = await saga.answers(1);
    expect(answer).toMatchObject({
      id: causedEventId((asked?.data as { commandId: string }).commandId, api.account, 0),
      aggregateId: api.account,
      type: 'ReservationMade',
      data: { quantity: '5', unitPrice: '100', amount: '500.25' },
      causationId: asked?.id,
      correlationId: asked?.correlationId,
      metadata: { account: api.account, actor: 'somebody' },
    });
    expect(await holdings()).toEqual(['499.75', '500.25', '0', '0']);
  });

  it('refuses with the figures what it has not: money for a buy, shares for a sell', async () => {
    await saga.ask(reserve('10'), reserve('1', { side: 'sell' }));
    expect((await saga.answers(2)).map(({ type, data }) => [type, data])).toMatchObject([
      ['ReservationRefused', { reason: 'insufficient-funds', needed: '1000.5', available: '1000' }],
      ['ReservationRefused', { reason: 'insufficient-shares', needed: '1', available: '0' }],
    ]);
    expect(await holdings()).toEqual(['1000', '0', '0', '0']);
  });

  it('holds what is reserved against withdrawals, until it is released', async () => {
    const asked = reserve('9');
    await saga.ask(asked);
    await saga.answers(1);
    const refused = await withdraw('100');
    expect([refused.status, refused.body]).toMatchObject([422, { needed: '100', available: '99.55' }]);
    expect((await withdraw('99.55')).status).toBe(201);
    await saga.ask(new ReleaseAsked({ ...step(api.account), orderId: asked.data.orderId }));
    await saga.answers(2);
    expect((await withdraw('900.45')).status).toBe(201);
    expect(await holdings()).toEqual(['0', '0', '0', '0']);
  });

  it('goes through an order: reserved, more reserved, filled in parts, the rest released; shares can be sold then', async () => {
    const bought = reserve('5');
    const { orderId } = bought.data;
    const more = new ReservationChangeAsked({ ...step(api.account), orderId, quantity: '6', unitPrice: '101' });
    const release = new ReleaseAsked({ ...step(api.account), orderId });
    const sold = reserve('4', { side: 'sell' });
    await saga.ask(
      bought,
      more,
      settle(orderId, '1'),
      settle(orderId, '3'),
      release,
      sold,
      settle(sold.data.orderId, '1', 'sell'),
    );
    const types = (await saga.answers(7)).map(({ type }) => type);
    expect(types).toEqual([
      'ReservationMade',
      'ReservationChanged',
      'FillSettled',
      'FillSettled',
      'ReservationReleased',
      'ReservationMade',
      'FillSettled',
    ]);
    // 1000 - 4 x 100 - fees 0.05 and 0.15, + 1 x 100 - fee 0.05
    expect(await holdings()).toEqual(['699.75', '0', '3', '0']);
  });

  it('changes nothing when a step is asked again, as a new attempt or as the same record', async () => {
    const first = reserve('5');
    const [sent] = await saga.ask(first);
    await saga.answers(1);
    await saga.ask(new ReservationAsked({ ...first.data, attempt: 2 }));
    await saga.send(sent ? [sent] : []);
    await saga.ask(reserve('1'));
    expect((await saga.answers(2)).map(({ type }) => type)).toEqual(['ReservationMade', 'ReservationMade']);
    expect(await holdings()).toEqual(['399.7', '600.3', '0', '0']);
  });

  it('takes deposits and withdrawals at the same time: nothing is lost, nothing counted twice', async () => {
    const sent: Promise<unknown>[] = [];
    for (let n = 0; n < 20; n += 1) {
      sent.push(api.deposit('3'), withdraw('2'));
      await saga.ask(reserve('0.1'));
    }
    await Promise.all(sent);
    await saga.answers(20);
    const { version } = await account();
    expect(version).toBe(2 + 60);
    // 20 x (3 - 2); each reservation holds 0.1 x 100 and a fee of 0.005, rounded up to the cent.
    expect(await holdings()).toEqual(['819.8', '200.2', '0', '0']);
  });
});

describe('an order that a saga tells', () => {
  it('goes through its life, and answers also what changes nothing', async () => {
    const { body } = await api.post('/v1/orders', api.terms());
    const id = body['id'] as string;
    const revision = { revision: 1, brokerOrderId: brokerOrderIdFor(id, 1) };
    const execution = {
      executionId: freshId(),
      quantity: '10',
      price: '100',
      executedAt: '2026-11-23T14:00:00.000Z',
      revision: 1,
    };
    await saga.ask(
      tell(id, { type: 'OrderSubmitted', data: revision }),
      tell(id, { type: 'OrderAccepted', data: revision }),
      tell(id, { type: 'OrderExecuted', data: execution }),
      tell(id, { type: 'OrderCanceled', data: {} }),
    );
    expect((await saga.answers(4)).map(({ type }) => type)).toEqual([
      'OrderSubmitted',
      'OrderAccepted',
      'OrderExecuted',
      'OrderChangeIgnored',
    ]);
    const again = await api.post('/v1/orders', api.terms({ clientOrderId: body['clientOrderId'] }));
    expect(again.body).toMatchObject({ status: 'filled', filledQuantity: '10', version: 6 });
  });

  it('that was never placed parks that pair of saga and order alone; what the saga asks of others goes on', async () => {
    const nobody = freshId();
    await saga.ask(tell(nobody, { type: 'OrderCanceled', data: {} }), reserve('1'));
    expect((await saga.answers(1)).map(({ type }) => type)).toEqual(['ReservationMade']);
    const parked = () =>
      api.database.dataSource.query<unknown[]>('select saga_id, target_id, reason from command_api.parked where saga_id = $1', [
        saga.id,
      ]);
    expect(await parked()).toEqual([{ saga_id: saga.id, target_id: nobody, reason: expect.stringMatching(/no such order/) }]);
  });

  it('keeps answers that wait for it: they go out when the saga has told it', async () => {
    const terms = api.terms();
    const { body } = await api.post('/v1/orders', terms);
    const waiting = api.post('/v1/orders', terms, { headers: { prefer: 'wait=10' } });
    await saga.ask(tell(body['id'] as string, { type: 'OrderExpired', data: { reason: 'late' } }));
    expect((await waiting).body).toMatchObject({ status: 'expired', version: 3 });
  });
});

describe('two processes', () => {
  it('share the accounts: whatever is asked while one comes and goes is answered once', async () => {
    const accounts = await Promise.all(Array.from({ length: 6 }, () => service.newClient()));
    const steps = () => accounts.map((client) => reserve('1', { target: client.account }));
    await saga.ask(...steps());
    const second = await RunningCommandApi.beside(service.around);
    for (let n = 0; n < 5; n += 1) await saga.ask(...steps());
    await saga.answers(36);
    const stopping = second.stopService();
    for (let n = 0; n < 5; n += 1) await saga.ask(...steps());
    await stopping;
    const answers = await saga.answers(66);
    expect(answers.every(({ type }) => type === 'ReservationRefused')).toBe(true);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(66);
  }, 60_000);
});
