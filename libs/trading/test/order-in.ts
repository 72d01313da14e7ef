import {
  OrderCanceled,
  OrderCancelRequested,
  OrderDenied,
  OrderDoneForDay,
  OrderExecuted,
  OrderExpired,
  OrderAccepted,
  OrderOutcomeUnknown,
  OrderPlaced,
  OrderRejected,
  OrderReplaceRequested,
  OrderSubmitted,
  OrderSuspended,
  type OrderChange,
  type OrderEvent,
} from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import type { OrdStatus } from '../src/index.ts';

/** An execution of ten shares, or of fewer. */
export const execution = (executionId: string, quantity: string) => ({
  executionId,
  quantity,
  price: '101',
  executedAt: '2026-01-02T09:00:00Z',
});
const figures = { cumulativeQuantity: '4', leavesQuantity: '6' };
const revision = { revision: 1, brokerOrderId: '0190a6e0-0000-7000-8000-00000000b001' };
const denial = { rule: 'insufficient-funds', detail: 'too little', figures: { needed: '2', available: '1' } };
const placed = new OrderPlaced(sampleTerms());
const working = [placed, new OrderSubmitted(revision), new OrderAccepted(revision)];

/** A history that leads to each status: ten ACME at 101.5 at most. */
export const historyOf: Readonly<Record<OrdStatus, readonly OrderEvent[]>> = {
  pendingNew: [placed],
  submitted: [placed, new OrderSubmitted(revision)],
  new: working,
  partiallyFilled: [...working, new OrderExecuted({ ...execution('e1', '4'), revision: 1, ...figures })],
  filled: [
    ...working,
    new OrderExecuted({ ...execution('e1', '10'), revision: 1, cumulativeQuantity: '10', leavesQuantity: '0' }),
  ],
  doneForDay: [...working, new OrderDoneForDay({})],
  canceled: [...working, new OrderCancelRequested({}), new OrderCanceled({})],
  pendingCancel: [...working, new OrderCancelRequested({})],
  pendingReplace: [...working, new OrderReplaceRequested({ revision: 2, quantity: '12', reservePrice: '101.5' })],
  rejected: [placed, new OrderSubmitted(revision), new OrderRejected({ code: '403', reason: 'power' })],
  denied: [placed, new OrderDenied(denial)],
  suspended: [...working, new OrderSuspended({})],
  expired: [...working, new OrderExpired({ reason: 'time-in-force' })],
  unknown: [placed, new OrderSubmitted(revision), new OrderOutcomeUnknown({ revision: 1, reason: 'timeout' })],
};

/** One change of each type; executions are of the last two shares. */
export const changeOf: { readonly [T in OrderChange['type']]: Extract<OrderChange, { readonly type: T }> } = {
  OrderDenied: { type: 'OrderDenied', data: denial },
  OrderSubmitted: { type: 'OrderSubmitted', data: revision },
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
};
