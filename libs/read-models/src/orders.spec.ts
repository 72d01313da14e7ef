import {
  OrderAccepted,
  OrderCanceled,
  OrderCancelRequested,
  OrderChangeIgnored,
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
  OrderSubmitted,
  type Event,
  type OrderTerms,
  type RecordedEvent,
} from '@tradecore/events';
import { recordedSample, sampleTerms } from '@tradecore/events/testing';
import { orderFrom, orderResponse, orderResponseOf, type OrderResponse } from './index.ts';

const aggregateId = '0190a6e0-0000-7000-8000-000000000001';
const brokerOrderId = '0190a6e0-0000-7000-8000-0000000000b1';
const secondId = '0190a6e0-0000-7000-8000-0000000000b2';
const executedAt = '2026-01-02T03:04:05.000000Z';
const { clientOrderId: _, ...terms }: OrderTerms = sampleTerms();
const approval = { reservePrice: '101.5', goodUntil: '2026-01-03T00:00:00.000000Z' };

const after = (...events: Event[]): OrderResponse => {
  const history = [new OrderPlaced(sampleTerms()), ...events].map((event, index): RecordedEvent =>
    recordedSample(event, { aggregateId, aggregateVersion: index + 1 }),
  );
  return orderResponse.parse(orderResponseOf(orderFrom(history)!));
};
const working = [
  new OrderApproved({ ...terms, ...approval }),
  new OrderSubmitted({ revision: 1, brokerOrderId }),
  new OrderAccepted({ revision: 1, brokerOrderId }),
];
const traded = (quantity: string, price: string, cumulativeQuantity: string, leavesQuantity: string) =>
  new OrderExecuted({ executionId: aggregateId, quantity, price, executedAt, revision: 1, cumulativeQuantity, leavesQuantity });

describe('an order in answers', () => {
  it('that is denied names the rule and the figures', () => {
    const denial = { rule: 'max-order-value', detail: 'It is worth more than 100.', figures: { value: '1015', limit: '100' } };
    expect(after(new OrderDenied(denial))).toMatchObject({ status: 'denied', execType: '8', denial, filledQuantity: '0' });
  });

  it('that the broker has shows its revision, and until when it may be sent', () =>
    expect(after(...working)).toMatchObject({
      status: 'new',
      execType: '0',
      revision: 1,
      revisions: [{ revision: 1, brokerOrderId, quantity: '10', limitPrice: '101.5' }],
      goodUntil: approval.goodUntil,
    }));

  it('that the broker refused says why, and one whose outcome is unknown too', () => {
    expect(after(working[0]!, working[1]!, new OrderRejected({ code: 'no-power', reason: 'too poor' }))).toMatchObject({
      status: 'rejected',
      rejectionCode: 'no-power',
      reason: 'too poor',
    });
    const unknown = new OrderOutcomeUnknown({ revision: 1, reason: 'no answer' });
    expect(after(working[0]!, working[1]!, unknown)).toMatchObject({ status: 'unknown', reason: 'no answer' });
    expect(after(working[0]!, working[1]!, unknown, working[2]!)).not.toHaveProperty('reason');
  });

  it('counts what traded, and divides the average once, from the exact sum', () => {
    const order = after(...working, traded('1', '100', '1', '9'), traded('2', '101', '3', '7'));
    expect(order).toMatchObject({ status: 'partiallyFilled', execType: 'F', filledQuantity: '3', averagePrice: '100.666666667' });
    expect(after(...working, traded('10', '101', '10', '0'))).toMatchObject({ status: 'filled', averagePrice: '101' });
    expect(after(...working)).not.toHaveProperty('averagePrice');
  });

  it('forgets a trade that the broker took back, and takes over one that it corrected', () => {
    const was = { quantity: '2', price: '101' };
    const parts = [traded('1', '100', '1', '9'), traded('2', '101', '3', '7')];
    const busted = new OrderExecutionBusted({ executionId: aggregateId, was, cumulativeQuantity: '1', leavesQuantity: '9' });
    expect(after(...working, ...parts, busted)).toMatchObject({ filledQuantity: '1', averagePrice: '100', execType: 'H' });
    const corrected = new OrderExecutionCorrected({
      executionId: aggregateId,
      quantity: '3',
      price: '104',
      executedAt,
      was,
      cumulativeQuantity: '4',
      leavesQuantity: '6',
    });
    expect(after(...working, ...parts, corrected)).toMatchObject({ filledQuantity: '4', averagePrice: '103', execType: 'G' });
  });

  it('shows what a replace asks for until it is answered, then the chain of its revisions', () => {
    const asked = new OrderReplaceRequested({ revision: 2, quantity: '20', reservePrice: '101.5' });
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
    expect(replaced).toMatchObject({ status: 'new', execType: '5', quantity: '20', revision: 2 });
    expect(replaced.revisions.map((revision) => [revision.revision, revision.brokerOrderId, revision.quantity])).toEqual([
      [1, brokerOrderId, '10'],
      [2, secondId, '20'],
    ]);
    expect(replaced).not.toHaveProperty('requested');
    const refused = after(...working, asked, new OrderReplaceRejected({ revision: 2, reason: 'too late' }));
    expect(refused).toMatchObject({ status: 'new', quantity: '10', revision: 1, reason: 'too late' });
    expect(refused).not.toHaveProperty('requested');
  });

  it('keeps what the client said when it asked to cancel beside what the broker says', () => {
    const asked = new OrderCancelRequested({ reason: 'changed my mind' });
    expect(after(...working, asked, traded('4', '101', '4', '6'))).toMatchObject({
      status: 'pendingCancel',
      filledQuantity: '4',
    });
    expect(after(...working, asked, new OrderCanceled({ reason: 'at the broker' }))).toMatchObject({
      status: 'canceled',
      reason: 'at the broker',
      cancelReason: 'changed my mind',
    });
  });

  it('that was told what changes nothing is as it was, one version on', () => {
    const { version, ...before } = after(...working);
    const { version: next, ...now } = after(...working, new OrderChangeIgnored({ change: 'OrderAccepted', reason: 'it is new' }));
    expect([next, now]).toEqual([version + 1, before]);
  });
});
