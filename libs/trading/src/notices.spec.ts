import {
  FundsDeposited,
  FundsWithdrawn,
  OrderAccepted,
  OrderCanceled,
  OrderDenied,
  OrderExecuted,
  OrderExecutionBusted,
  OrderExpired,
  OrderOutcomeUnknown,
  OrderPlaced,
  OrderRejected,
  ReservationReleased,
  TradingHalted,
  TradingResumed,
  type Event,
  type RecordedEvent,
} from '@tradecore/events';
import { recordedSample, sampleTerms, sampleText } from '@tradecore/events/testing';
import { noticeOf } from './notices.ts';

const account = sampleTerms().accountId;
const ofOrder = (event: Event, changes: Partial<RecordedEvent> = {}) =>
  recordedSample(event, { metadata: { account }, ...changes });
const ofAccount = (event: Event) => recordedSample(event, { aggregateType: 'Account', aggregateId: account });
const ofControl = (event: Event) => recordedSample(event, { aggregateType: 'TradingControl' });
const figures = { price: '101', quantity: '4', notional: '404', fee: '0.2' };
const traded = (cumulativeQuantity: string, leavesQuantity: string, excessQuantity?: string) =>
  new OrderExecuted({
    executionId: '0190a6e0-0000-7000-8000-0000000000e1',
    ...figures,
    executedAt: '2026-01-02T03:04:05Z',
    revision: 1,
    cumulativeQuantity,
    leavesQuantity,
    ...(excessQuantity !== undefined && { excessQuantity }),
  });
const busted = new OrderExecutionBusted({ executionId: account, was: figures, cumulativeQuantity: '3', leavesQuantity: '0' });

describe('a notice', () => {
  it.each([
    [
      'orderDenied',
      ofOrder(new OrderDenied({ rule: 'halted-symbol', detail: 'ACME is halted.', figures: {} })),
      'ACME is halted.',
    ],
    ['orderRejected', ofOrder(new OrderRejected({ code: '403', reason: 'no power' })), 'no power'],
    // Filled completely, or cancelled with fills: the event does not say which.
    ['orderFilled', ofOrder(traded('7', '0')), '7 shares of your order have traded, and none is left to trade.'],
    ['orderFilled', ofOrder(traded('12', '0', '2')), '12 shares of your order have traded, 2 more than you ordered'],
    ['tradeBusted', ofOrder(busted), 'took back a trade of 4 at 101. 3 shares of your order have traded.'],
    ['orderCanceled', ofOrder(new OrderCanceled({ reason: 'asked for' })), 'asked for'],
    ['orderExpired', ofOrder(new OrderExpired({ reason: 'the day is over' })), 'the day is over'],
    ['orderUnknown', ofOrder(new OrderOutcomeUnknown({ revision: 1, reason: 'no answer' })), 'no answer'],
    [
      'deposit',
      ofAccount(new FundsDeposited({ amount: '12.5', reference: sampleText('0001'), postings: [] })),
      '12.5 was deposited.',
    ],
    ['withdrawal', ofAccount(new FundsWithdrawn({ amount: '3', postings: [] })), '3 was withdrawn.'],
    [
      'tradingHalted',
      ofControl(new TradingHalted({ scope: account, reason: sampleText('0002') })),
      'New orders are refused for now.',
    ],
    [
      'tradingResumed',
      ofControl(new TradingResumed({ scope: account, reason: sampleText('0003') })),
      'New orders are accepted again.',
    ],
  ])('%s tells the account what happened', (kind, event, text) => {
    const notice = noticeOf(event);
    expect(notice).toMatchObject({ kind, accountId: account, causedBy: event.id, time: event.time });
    expect(notice?.text).toContain(text);
    expect(notice?.orderId).toBe(event.aggregateType === 'Order' ? event.aggregateId : undefined);
  });

  it.each([
    ['an order that is placed', ofOrder(new OrderPlaced(sampleTerms()))],
    ['an order that the brokerage has', ofOrder(new OrderAccepted({ revision: 1, brokerOrderId: account }))],
    ['a partial fill', ofOrder(traded('4', '6'))],
    ['a released reservation', ofAccount(new ReservationReleased({ orderId: account, amount: '5', postings: [] }))],
    ['an event of an unknown type', ofOrder(new OrderCanceled({}), { type: 'toString' })],
    ['an event of another aggregate', ofOrder(new OrderCanceled({}), { aggregateType: 'constructor' })],
  ])('is not written for %s', (_, event) => expect(noticeOf(event)).toBeUndefined());

  it('has the same id for the same event, and another id for another event', () => {
    const event = ofOrder(new OrderCanceled({}));
    expect(noticeOf(event)?.id).toBe(noticeOf(event)?.id);
    expect(noticeOf(event)?.id).not.toBe(noticeOf(ofOrder(new OrderCanceled({})))?.id);
  });

  it('of a halt of all trading goes to every account', () =>
    expect(noticeOf(ofControl(new TradingHalted({ scope: 'all', reason: sampleText('0004') })))).toMatchObject({
      accountId: 'all',
    }));

  it('is refused for an order event without an account, and for an event of a newer version', () => {
    expect(() => noticeOf(ofOrder(new OrderCanceled({}), { metadata: {} }))).toThrow('names no account');
    expect(() => noticeOf(ofOrder(new OrderCanceled({}), { schemaVersion: 2 }))).toThrow('version 2');
  });
});
