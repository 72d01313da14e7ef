import {
  OrderAccepted,
  OrderApproved,
  OrderCanceled,
  OrderCancelRequested,
  OrderDenied,
  OrderDoneForDay,
  OrderExecuted,
  OrderExecutionBusted,
  OrderExpired,
  OrderOutcomeUnknown,
  OrderPlaced,
  OrderRejected,
  OrderReplaceRequested,
  OrderSuspended,
  type OrderChange,
  type OrderEvent,
} from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { Order, type OrdStatus } from '../src/index.ts';
import { eventOf } from '../src/order/order-changes.ts';

export const orderId = '0190a6e0-0000-7000-8000-00000000a001';

/** An execution of ten shares or fewer. */
export const execution = (executionId: string, quantity: string) => ({
  executionId,
  quantity,
  price: '101',
  executedAt: '2026-01-02T09:00:00Z',
});
const revision = { revision: 1, brokerOrderId: '0190a6e0-0000-7000-8000-00000000b001' };
const denial = { rule: 'insufficient-funds', detail: 'too little', figures: { needed: '2', available: '1' } };
const executed = (quantity: string, figures: object) =>
  new OrderExecuted({ ...execution('e1', quantity), revision: 1, notional: '404', fee: '0.2', ...figures } as never);
const placed = [new OrderPlaced(sampleTerms()), new OrderApproved({ reservePrice: '101.5' })];
const working = [...placed, new OrderAccepted(revision)];
const filled = [...working, executed('10', { cumulativeQuantity: '10', leavesQuantity: '0' })];

/** A history that leads to each status, for at most ten ACME at 101.5. */
export const historyOf: Readonly<Record<OrdStatus, readonly OrderEvent[]>> = {
  pendingNew: placed,
  new: working,
  partiallyFilled: [...working, executed('4', { cumulativeQuantity: '4', leavesQuantity: '6' })],
  filled,
  overfilled: [...working, executed('12', { cumulativeQuantity: '12', leavesQuantity: '0', excessQuantity: '2' })],
  busted: [
    ...filled,
    new OrderExecutionBusted({
      executionId: 'e1',
      was: { quantity: '10', price: '101', notional: '1010', fee: '0.5' },
      cumulativeQuantity: '0',
      leavesQuantity: '0',
    }),
  ],
  doneForDay: [...working, new OrderDoneForDay({})],
  canceled: [...working, new OrderCancelRequested({}), new OrderCanceled({})],
  pendingCancel: [...working, new OrderCancelRequested({})],
  pendingReplace: [...working, new OrderReplaceRequested({ revision: 2, quantity: '12', reservePrice: '101.5' })],
  rejected: [...placed, new OrderRejected({ code: '403', reason: 'power' })],
  denied: [new OrderPlaced(sampleTerms()), new OrderDenied(denial)],
  suspended: [...working, new OrderSuspended({})],
  expired: [...working, new OrderExpired({ reason: 'time-in-force' })],
  unknown: [...placed, new OrderOutcomeUnknown({ revision: 1, reason: 'timeout' })],
};

/** An order with this status. */
export const orderIn = (status: OrdStatus): Order => new Order(orderId).replay(historyOf[status]);

/** Applies a change as the saga does; returns its event, if any. */
export function change(order: Order, what: OrderChange): OrderEvent | undefined {
  if (order.state === undefined) throw new Error('the order was never placed');
  const event = eventOf(what, order.state, order.executions);
  order.markCommitted();
  if (event) order.replay([event]);
  return event;
}

/** One change of each type; executions are of the last two shares. */
export const changeOf: { readonly [T in OrderChange['type']]: Extract<OrderChange, { readonly type: T }> } = {
  OrderAccepted: { type: 'OrderAccepted', data: revision },
  OrderRejected: { type: 'OrderRejected', data: { code: '403', reason: 'power' } },
  OrderOutcomeUnknown: { type: 'OrderOutcomeUnknown', data: { revision: 1, reason: 'timeout' } },
  OrderExecuted: { type: 'OrderExecuted', data: { ...execution('e9', '2'), revision: 1 } },
  OrderExecutionBusted: { type: 'OrderExecutionBusted', data: { executionId: 'e9' } },
  OrderExecutionCorrected: { type: 'OrderExecutionCorrected', data: execution('e9', '1') },
  OrderCancelRejected: { type: 'OrderCancelRejected', data: { reason: 'too late' } },
  OrderCanceled: { type: 'OrderCanceled', data: {} },
  OrderReplaced: { type: 'OrderReplaced', data: { ...revision, revision: 2, quantity: '12' } },
  OrderReplaceRejected: { type: 'OrderReplaceRejected', data: { revision: 2, reason: 'no' } },
  OrderExpired: { type: 'OrderExpired', data: { reason: 'time-in-force' } },
  OrderDoneForDay: { type: 'OrderDoneForDay', data: {} },
  OrderSuspended: { type: 'OrderSuspended', data: {} },
  OrderResumed: { type: 'OrderResumed', data: {} },
};
