import {
  OrderAccepted,
  OrderCanceled,
  OrderCancelRequested,
  OrderApproved,
  OrderDenied,
  OrderExecuted,
  OrderExecutionBusted,
  OrderExecutionCorrected,
  OrderOutcomeUnknown,
  OrderPlaced,
  OrderRejected,
  OrderReplaced,
  OrderReplaceRejected,
  OrderReplaceRequested,
  OrderResumed,
  OrderSuspended,
  brokerOrderIdFor,
  type Event,
  type RecordedEvent,
} from '@tradecore/events';
import { recordedSample, sampleTerms, sampleText } from '@tradecore/events/testing';
import { orderFrom, type OrderRow } from './index.ts';

const aggregateId = '0190a6e0-0000-7000-8000-000000000001';
const brokerOrderId = brokerOrderIdFor(aggregateId, 1);
const secondId = '0190a6e0-0000-7000-8000-0000000000b2';
const executedAt = '2026-01-02T03:04:05.000000Z';
const approval = { reservePrice: '101.5', goodUntil: '2026-01-03T00:00:00.000000Z' };

const after = (...events: Event[]): OrderRow => {
  const history = [new OrderPlaced(sampleTerms()), ...events].map((event, index): RecordedEvent =>
    recordedSample(event, { aggregateId, aggregateVersion: index + 1 }),
  );
  return orderFrom(history)!;
};
const working = [new OrderApproved({ ...approval, accountVersion: 3 }), new OrderAccepted({ revision: 1, brokerOrderId })];
const traded = (quantity: string, notional: string, cumulativeQuantity: string, leavesQuantity: string) =>
  new OrderExecuted({
    ...{ executionId: aggregateId, quantity, price: '100', executedAt, revision: 1, notional, fee: '0.05' },
    ...{ cumulativeQuantity, leavesQuantity, accountVersion: 4 },
  });

describe('the row of an order', () => {
  it('when denied names the rule and the figures', () => {
    const denial = { rule: 'max-order-value', detail: 'It is worth more than 100.', figures: { value: '1015', limit: '100' } };
    expect(after(new OrderDenied(denial))).toMatchObject({ status: 'denied', execType: '8', denial, filledQuantity: '0' });
  });

  it('when approved shows its first revision, and until when it may be sent', () =>
    expect(after(working[0]!)).toMatchObject({
      status: 'pendingNew',
      execType: 'A',
      revision: 1,
      revisions: [{ revision: 1, brokerOrderId, quantity: '10', limitPrice: '101.5' }],
      goodUntil: approval.goodUntil,
    }));

  it('when refused by the brokerage or unknown says why', () => {
    expect(after(working[0]!, new OrderRejected({ code: 'no-power', reason: 'too poor' }))).toMatchObject({
      status: 'rejected',
      rejectionCode: 'no-power',
      reason: 'too poor',
    });
    const unknown = new OrderOutcomeUnknown({ revision: 1, reason: 'no answer' });
    expect(after(working[0]!, unknown)).toMatchObject({ status: 'unknown', reason: 'no answer' });
    expect(after(working[0]!, unknown, working[1]!)).not.toHaveProperty('reason');
  });

  it('adds up the value of its executions, as booked', () => {
    const order = after(...working, traded('1', '100', '1', '9'), traded('2', '202', '3', '7'));
    expect(order).toMatchObject({ status: 'partiallyFilled', execType: 'F', filledQuantity: '3', executedValue: '302' });
    expect(after(...working, traded('10', '1010', '10', '0'))).toMatchObject({ status: 'filled', executedValue: '1010' });
  });

  it('removes busted executions and updates corrected ones', () => {
    const was = { quantity: '2', price: '101', notional: '202', fee: '0.1' };
    const parts = [traded('1', '100', '1', '9'), traded('2', '202', '3', '7')];
    const figures = { was, cumulativeQuantity: '1', leavesQuantity: '9', accountVersion: 6 };
    const busted = new OrderExecutionBusted({ executionId: aggregateId, ...figures });
    expect(after(...working, ...parts, busted)).toMatchObject({ filledQuantity: '1', executedValue: '100', execType: 'H' });
    const now = { executionId: aggregateId, quantity: '3', price: '104', executedAt, notional: '312', fee: '0.15' };
    const corrected = new OrderExecutionCorrected({ ...now, ...figures, cumulativeQuantity: '4', leavesQuantity: '6' });
    expect(after(...working, ...parts, corrected)).toMatchObject({ filledQuantity: '4', executedValue: '412', execType: 'G' });
  });

  it('is busted when all executions are busted after it filled; overfilled beyond its quantity', () => {
    const was = { quantity: '10', price: '101', notional: '1010', fee: '0.5' };
    const filled = traded('10', '1010', '10', '0');
    const busted = new OrderExecutionBusted({ executionId: aggregateId, was, cumulativeQuantity: '0', leavesQuantity: '0' });
    expect(after(...working, filled, busted)).toMatchObject({ status: 'busted', filledQuantity: '0', executedValue: '0' });
    expect(after(...working, filled, traded('1', '101', '11', '0')).status).toBe('overfilled');
  });

  it('continues after a suspension', () => {
    expect(after(...working, new OrderSuspended({ reason: 'volatility' }))).toMatchObject({ status: 'suspended' });
    expect(after(...working, new OrderSuspended({}), new OrderResumed({}))).toMatchObject({ status: 'new', execType: 'D' });
  });

  it('keeps the highest account version that its events were saved with', () => {
    expect(after()).not.toHaveProperty('accountVersion');
    expect(after(...working).accountVersion).toBe(3);
    expect(after(...working, traded('1', '100', '1', '9')).accountVersion).toBe(4);
    const late = new OrderCanceled({ accountVersion: 2 });
    expect(after(...working, traded('1', '100', '1', '9'), late).accountVersion).toBe(4);
  });

  it('shows the terms of a replace until it is answered, then the chain of revisions', () => {
    const goodUntil = '2026-01-04T00:00:00Z';
    const asked = new OrderReplaceRequested({ revision: 2, quantity: '20', reservePrice: '101.5', goodUntil, accountVersion: 5 });
    expect(after(...working, asked)).toMatchObject({
      status: 'pendingReplace',
      quantity: '10',
      requested: { revision: 2, quantity: '20' },
    });
    const replaced = after(
      ...working,
      asked,
      new OrderReplaced({ revision: 2, brokerOrderId: secondId, quantity: '20', limitPrice: '101.5' }),
    );
    expect(replaced).toMatchObject({
      ...{ status: 'new', execType: '5', quantity: '20', revision: 2, accountVersion: 5 },
      goodUntil: '2026-01-04T00:00:00.000000Z',
    });
    expect(replaced.revisions.map((revision) => [revision.revision, revision.brokerOrderId, revision.quantity])).toEqual([
      [1, brokerOrderId, '10'],
      [2, secondId, '20'],
    ]);
    expect(replaced).not.toHaveProperty('requested');
    const refused = after(...working, asked, new OrderReplaceRejected({ revision: 2, reason: 'too late' }));
    expect(refused).toMatchObject({ status: 'new', quantity: '10', revision: 1, reason: 'too late' });
    expect(refused).not.toHaveProperty('requested');
  });

  it("keeps the client's reason for a cancel beside the brokerage's", () => {
    const asked = new OrderCancelRequested({ reason: sampleText('0001') });
    expect(after(...working, asked, traded('4', '404', '4', '6'))).toMatchObject({
      status: 'pendingCancel',
      filledQuantity: '4',
    });
    expect(after(...working, asked, new OrderCanceled({ reason: 'by the brokerage' }))).toMatchObject({
      status: 'canceled',
      reason: 'by the brokerage',
      cancelReason: sampleText('0001'),
    });
  });
});
