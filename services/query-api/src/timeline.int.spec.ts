import type { TimelineResponse } from '@tradecore/api';
import { freshId, WrittenText } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { TestQueryApi } from '../test/query-api.ts';

let api: TestQueryApi;
beforeAll(async () => void (api = await TestQueryApi.start()), 30_000);
afterAll(() => api?.stop());

const timelineOf = async (orderId: string, accountId: string): Promise<TimelineResponse> =>
  (await (await api.get(`/v1/orders/${orderId}/timeline`, [accountId])).json()) as TimelineResponse;
const textsOf = ({ entries }: TimelineResponse) => entries.map(({ source, text }) => `${source}: ${text}`);

describe('the timeline of an order', () => {
  it('shows placing, approval, reservation, steps, the brokerage and what it waits for', async () => {
    const { flow } = api.models;
    const accountId = await api.models.openAccount();
    const orderId = await flow.place(accountId);
    const placed = await timelineOf(orderId, accountId);
    expect(textsOf(placed)).toEqual([
      'order: Placed: buy 10 ACME at 101.5 or better, good for the day.',
      'order: Passed the risk rules at a last price of 100.',
      'account: Reserved 1015.51.',
      'saga: Sending the order to the brokerage.',
    ]);
    expect(placed.waitingFor).toEqual(["the brokerage's answer"]);

    await flow.accepted(orderId);
    await flow.traded(orderId, '4', '101');
    await flow.request(orderId, (order) => order.requestCancel(new WrittenText('changed my mind')));
    const canceling = await timelineOf(orderId, accountId);
    expect(textsOf(canceling).slice(4)).toEqual([
      'brokerage: The brokerage has revision 1.',
      'order: Working at the brokerage.',
      'brokerage: The brokerage reported a trade of 4 at 101.',
      'order: Bought 4 at 101: 4 in all, 6 still open.',
      'account: Booked: bought 4 at 101, fee 0.2; 609.31 reserved.',
      'order: Cancel requested: changed my mind.',
      'saga: Asking the brokerage to cancel.',
    ]);
    expect(canceling.waitingFor).toEqual(["the brokerage's answer to the cancel"]);
  });

  it('shows corrections and busts, with their bookings', async () => {
    const { flow } = api.models;
    const accountId = await api.models.openAccount();
    const orderId = await flow.place(accountId);
    await flow.accepted(orderId);
    const executionId = await flow.traded(orderId, '10', '101');
    await flow.corrected(orderId, { executionId, quantity: '9', price: '100' });
    await flow.busted(orderId, executionId);
    const { entries, waitingFor } = await timelineOf(orderId, accountId);
    const texts = textsOf({ entries, waitingFor });
    expect(texts.slice(texts.indexOf('saga: Complete: filled, and everything is booked.') + 1)).toEqual([
      'brokerage: The brokerage corrected a trade to 9 at 100.',
      'order: A trade of 10 at 101 was corrected to 9 at 100: 9 in all.',
      'account: Reversed: bought 10 at 101, fee 0.5; nothing reserved.',
      'account: Booked: bought 9 at 100, fee 0.45; nothing reserved.',
      'brokerage: The brokerage busted a trade.',
      'order: A trade of 9 at 100 was busted: 0 in all.',
      'account: Reversed: bought 9 at 100, fee 0.45; nothing reserved.',
    ]);
    expect(waitingFor).toEqual([]);
  });

  it('of a denied order names the rule and its figures, and waits for nothing', async () => {
    const accountId = await api.models.openAccount();
    const orderId = await api.models.place({ ...sampleTerms({ accountId }), clientOrderId: freshId() });
    await api.models.order(accountId, orderId, (order) =>
      order.deny({ rule: 'max-order-value', detail: 'It is worth too much.', figures: { value: '1015', limit: '100' } }),
    );
    const { entries, waitingFor } = await timelineOf(orderId, accountId);
    expect(entries.at(-1)?.text).toBe('Denied by the rule max-order-value: It is worth too much. (limit 100, value 1015)');
    expect(waitingFor).toEqual([]);
  });

  it('is not visible to a caller who may not read the order', async () => {
    const orderId = await api.models.flow.place(await api.models.openAccount());
    expect((await api.get(`/v1/orders/${orderId}/timeline`, [freshId()], { subject: 'other' })).status).toBe(404);
  });
});
