import type { OrderEvent } from '@tradecore/events';

/**
 * The status of an order: FIX OrdStatus names, separate from the last event (ExecType), plus `denied` and `unknown`.
 */
export const ordStatuses = [
  'pendingNew',
  'new',
  'partiallyFilled',
  'filled',
  'overfilled',
  'busted',
  'doneForDay',
  'canceled',
  'pendingCancel',
  'pendingReplace',
  'rejected',
  'denied',
  'suspended',
  'expired',
  'unknown',
] as const;

/** One of `ordStatuses`. */
export type OrdStatus = (typeof ordStatuses)[number];

/** What each status means, in one sentence for a client. */
export const meaningOf: Readonly<Record<OrdStatus, string>> = {
  pendingNew: 'Stored, approved and funded; on its way to the brokerage.',
  new: 'The brokerage is working it; nothing has traded.',
  partiallyFilled: 'The brokerage is working it; part of it has traded.',
  filled: 'All of it has traded.',
  overfilled: 'More than the whole order has traded: the brokerage must be asked.',
  busted: 'It was filled, and the brokerage took every execution back.',
  doneForDay: 'The brokerage has stopped working it for today; it may resume tomorrow.',
  canceled: 'It is cancelled; earlier executions stand.',
  pendingCancel: 'A cancel was requested; only the brokerage can confirm it. It may still trade.',
  pendingReplace: 'Other terms were requested; the old ones hold until the brokerage confirms.',
  rejected: 'The brokerage refused it.',
  denied: 'We refused it: a risk rule, a closed market, or insufficient funds or shares.',
  suspended: 'The brokerage has suspended it; it may resume.',
  expired: 'Its time in force has ended, or it was not sent: too late, or the market too far away.',
  unknown: 'It is not known whether the brokerage has it; only proof ends this state. Its reservation stays.',
};

const terminal: ReadonlySet<OrdStatus> = new Set(['filled', 'overfilled', 'busted', 'canceled', 'rejected', 'denied', 'expired']);

/** Whether the order has ended. A late execution, a bust or a correction is still recorded; the status stays. */
export const isTerminal = (status: OrdStatus): boolean => terminal.has(status);

/**
 * FIX 4.4 tag 150 of each event; null if FIX has no execution report for it. A refused cancel or replace is a message
 * of its own there (OrderCancelReject, 35=9).
 */
export const execTypeOf: Readonly<Record<OrderEvent['type'], string | null>> = {
  OrderPlaced: 'A',
  OrderApproved: null,
  OrderDenied: '8',
  OrderAccepted: '0',
  OrderRejected: '8',
  OrderOutcomeUnknown: null,
  OrderExecuted: 'F',
  OrderExecutionBusted: 'H',
  OrderExecutionCorrected: 'G',
  OrderCancelRequested: '6',
  OrderCancelRejected: null,
  OrderCanceled: '4',
  OrderReplaceRequested: 'E',
  OrderReplaced: '5',
  OrderReplaceRejected: null,
  OrderExpired: 'C',
  OrderDoneForDay: '3',
  OrderSuspended: '9',
  OrderResumed: 'D',
};
