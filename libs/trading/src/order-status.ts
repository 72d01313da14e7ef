import type { OrderEvent } from '@tradecore/events';

/** Where an order stands: FIX OrdStatus by name, apart from what happened last (ExecType), and `denied` and `unknown` beside it. */
export const ordStatuses = [
  'pendingNew',
  'submitted',
  'new',
  'partiallyFilled',
  'filled',
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
  pendingNew: 'Accepted and durable; money or shares are being reserved.',
  submitted: 'Reserved; the broker gateway was asked to send it, the broker has not answered yet.',
  new: 'The broker has it; nothing has traded.',
  partiallyFilled: 'The broker has it; a part has traded.',
  filled: 'All of it has traded.',
  doneForDay: 'The broker is done with it for today; it may go on tomorrow.',
  canceled: 'It is cancelled; what had traded before stays traded.',
  pendingCancel: 'A cancel was asked for; only the broker can say that it is cancelled. It may still trade.',
  pendingReplace: 'Other terms were asked for; the old ones hold until the broker says so.',
  rejected: 'The broker refused it.',
  denied: 'We refused it: a risk rule, a closed market, or the account has not what it needs.',
  suspended: 'The broker has suspended it; it may go on.',
  expired: 'Its time in force is over, or it was too late or the market too far away to send it.',
  unknown: 'Whether the broker has it is not known; only proof leaves this state. Its reservation is held.',
};

const terminal: ReadonlySet<OrdStatus> = new Set(['filled', 'canceled', 'rejected', 'denied', 'expired']);

/** Whether the order has ended. A late execution, a bust or a correction is still recorded; the status stays. */
export const isTerminal = (status: OrdStatus): boolean => terminal.has(status);

/** FIX 4.4 tag 39; null where FIX has no word for it. */
export const fixOrdStatus: Readonly<Record<OrdStatus, string | null>> = {
  pendingNew: 'A',
  submitted: 'A',
  new: '0',
  partiallyFilled: '1',
  filled: '2',
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
  OrderSubmitted: null,
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
  OrderChangeIgnored: null,
};
