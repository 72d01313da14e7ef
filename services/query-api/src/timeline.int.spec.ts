import { brokerOrderIdFor, freshId, placementIdFor, type RecordedEvent, type Step } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import type { TimelineResponse } from '@tradecore/api';
import { extendContext } from '@tradecore/telemetry';
import { OrderPlacement } from '@tradecore/trading';
import { TestQueryApi } from '../test/query-api.ts';

let api: TestQueryApi;
beforeAll(async () => void (api = await TestQueryApi.start()), 30_000);
afterAll(() => api?.stop());

const timelineOf = async (orderId: string, accountId: string): Promise<TimelineResponse> =>
  (await (await api.get(`/v1/orders/${orderId}/timeline`, [accountId])).json()) as TimelineResponse;
const textsOf = ({ entries }: TimelineResponse) => entries.map(({ source, text }) => `${source}: ${text}`);

/** Places and clears an order, and lets its saga hear of it. */
async function begin(): Promise<{ accountId: string; orderId: string }> {
  const accountId = await api.models.openAccount();
  const terms = { ...sampleTerms({ accountId }), clientOrderId: freshId() };
  const orderId = await api.models.place(terms);
  const { clientOrderId: _, ...approved } = terms;
  await api.models.order(accountId, orderId, (order) =>
    order.approve({ ...approved, referencePrice: '100', reservePrice: '101.5' }),
  );
  await tell(orderId, (await api.models.store.readEvents(orderId)).at(-1)!);
  return { accountId, orderId };
}

/** Lets the saga of an order hear an event. */
async function tell(orderId: string, event: RecordedEvent): Promise<void> {
  const saga = await api.models.store.loadAggregate(OrderPlacement, placementIdFor(orderId));
  saga.hear(event, event.time);
  await extendContext({ correlationId: freshId() }, () => api.models.store.saveAggregate(saga));
}

/** The step that asks for a reservation, as the context of whoever answers it. */
async function reservationStep(orderId: string) {
  const sagaId = placementIdFor(orderId);
  const step = (await api.models.store.readEvents(sagaId)).find(({ type }) => type === 'ReservationAsked');
  return { sagaId, commandId: (step?.data as Step).commandId };
}

describe('the timeline of an order', () => {
  it('tells in plain words what happened, and what it waits for', async () => {
    const { accountId, orderId } = await begin();
    const begun = await timelineOf(orderId, accountId);
    expect(textsOf(begun)).toEqual([
      'order: Placed: buy 10 ACME at 101.5 or better, good for the day.',
      'order: Passed the risk rules at a last price of 100; money for 10 shares at 101.5 is to be reserved.',
    ]);
    expect(begun.waitingFor).toEqual(['the account to reserve what it needs']);

    const reserve = { orderId, symbol: 'ACME', side: 'buy', quantity: '10', unitPrice: '101.5' } as const;
    await api.models.account(accountId, (account) => account.reserve(reserve), await reservationStep(orderId));
    await tell(orderId, (await api.models.store.readEvents(accountId)).at(-1)!);
    const revision = { revision: 1, brokerOrderId: brokerOrderIdFor(orderId, 1) };
    await api.models.order(accountId, orderId, (order) => {
      order.tell({ type: 'OrderSubmitted', data: revision });
      order.tell({ type: 'OrderAccepted', data: revision });
      const execution = { executionId: freshId(), quantity: '4', price: '101', executedAt: '2026-01-02T03:04:05.000000Z' };
      order.tell({ type: 'OrderExecuted', data: { ...execution, revision: 1 } });
      order.requestCancel('changed my mind');
    });
    const traded = await timelineOf(orderId, accountId);
    expect(textsOf(traded).slice(2)).toEqual([
      'account: The account reserved 1015.51.',
      'order: Reserved, and on its way to the broker.',
      'order: The broker has it.',
      'order: Bought 4 at 101: 4 in all, 6 still open.',
      'order: A cancel was asked for: changed my mind.',
    ]);
    expect(traded.waitingFor).toContain('the broker gateway to take the order');
    expect(traded.entries.map(({ version }) => version)).toEqual([1, 2, 3, 3, 4, 5, 6]);
  });

  it('of an order that was denied says by which rule, with its figures, and waits for nothing', async () => {
    const accountId = await api.models.openAccount();
    const orderId = await api.models.place({ ...sampleTerms({ accountId }), clientOrderId: freshId() });
    await api.models.order(accountId, orderId, (order) =>
      order.deny({ rule: 'max-order-value', detail: 'It is worth too much.', figures: { value: '1015', limit: '100' } }),
    );
    const { entries, waitingFor } = await timelineOf(orderId, accountId);
    expect(entries.at(-1)?.text).toBe('Denied by the rule max-order-value: It is worth too much. (limit 100, value 1015)');
    expect(waitingFor).toEqual([]);
  });

  it('is foreign to who may not read the order', async () => {
    const { orderId } = await begin();
    expect((await api.get(`/v1/orders/${orderId}/timeline`, [freshId()], { subject: 'other' })).status).toBe(404);
  });
});
