import type { OrderEvent } from '@tradecore/events';

/** Where an order stands: FIX OrdStatus by name, apart from what happened last (ExecType), and `denied` and `unknown` beside it. */
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
  pendingNew: 'Durable, approved and paid for; on its way to the brokerage.',
  new: 'The brokerage works it; nothing has traded.',
  partiallyFilled: 'The brokerage works it; a part has traded.',
  filled: 'All of it has traded.',
  overfilled: 'More than all of it has traded: the brokerage has to be asked.',
  busted: 'It had filled, and the brokerage took every execution back.',
  doneForDay: 'The brokerage is done with it for today; it may go on tomorrow.',
  canceled: 'It is cancelled; what had traded before stays traded.',
  pendingCancel: 'A cancel was requested; only the brokerage can say that it is cancelled. It may still trade.',
  pendingReplace: 'Other terms were requested; the old ones hold until the brokerage says so.',
  rejected: 'The brokerage refused it.',
  denied: 'We refused it: a risk rule, a closed market, or insufficient funds or shares.',
  suspended: 'The brokerage has suspended it; it may go on.',
  expired: 'Its time in force is over, or it was too late or the market too far away to send it.',
  unknown: 'Whether the brokerage has it is not known; only proof leaves this state. Its reservation stays.',
};

const terminal: ReadonlySet<OrdStatus> = new Set(['filled', 'overfilled', 'busted', 'canceled', 'rejected', 'denied', 'expired']);

/** Whether the order has ended. A late execution, a bust or a correction is still recorded; the status stays. */
export const isTerminal = (status: OrdStatus): boolean => terminal.has(status);

/** FIX 4.4 tag 39; null where FIX has no word for it. */
export const fixOrdStatus: Readonly<Record<OrdStatus, string | null>> = {
  pendingNew: 'A',
  new: '0',
  partiallyFilled: '1',
  filled: '2',
  overfilled: '2',
  busted: '4',
  doneForDay: '3',
  canceled: '4',
  pendingCancel: '6',
  pendingReplace: 'E',
  rejected: '8',
  denied: '8',
  suspended: '9',
  expired: 'C',
  unknown: null,
};

/**
 * FIX 4.4 tag 150 of each event; null where FIX has no execution report for it. A refused cancel or replace is a message of its own there
 * (OrderCancelReject, 35=9).
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
