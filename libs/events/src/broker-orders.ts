import { event } from './event.ts';
import type { Execution, OrderTerms } from './orders.ts';

/** What one revision of an order asks of the broker. The broker knows it by its BrokerOrder id, as `client_order_id`. */
export interface RevisionTerms extends Omit<OrderTerms, 'clientOrderId'> {
  readonly orderId: string;
  /** 1 for the order as placed, one more for each replace. */
  readonly revision: number;
  /** Last price beyond which it is not sent any more; RFC 3339 time after which it is not sent any more. */
  readonly collarPrice?: string;
  readonly goodUntil?: string;
}

/** The intent to send a revision to the broker: workers call after this is stored. */
export class SubmissionRequested extends event('SubmissionRequested', 1)<RevisionTerms> {}

/** The intent to replace the revision `replaces` (a BrokerOrder id) by this one. */
export class ReplacementRequested extends event('ReplacementRequested', 1)<RevisionTerms & { readonly replaces: string }> {}

/** The intent to cancel. */
export class CancellationRequested extends event('CancellationRequested', 1)<Record<never, never>> {}

/** The broker has it: its answer, or its own word when it was looked up. `found`: by look-up after an unknown outcome. */
export class BrokerOrderAccepted extends event('BrokerOrderAccepted', 1)<{
  /** The broker's id. */
  readonly brokerageOrderId: string;
  readonly found: boolean;
  /** Of a replacement: shares that the revisions before had traded when it took over; the broker counts them as its own. */
  readonly carriedQuantity?: string;
}> {}

/** The broker refused it. */
export class BrokerOrderRejected extends event('BrokerOrderRejected', 1)<{ readonly code: string; readonly reason: string }> {}

/** It was never sent: too late by its time in force, or the market is beyond the collar. */
export class BrokerOrderLapsed extends event('BrokerOrderLapsed', 1)<{
  readonly reason: 'time-in-force' | 'collar';
  readonly lastPrice?: string;
}> {}

/** A call ended without an answer: the broker may have it or not. */
export class BrokerOutcomeUnknown extends event('BrokerOutcomeUnknown', 1)<{
  readonly attempt: number;
  readonly reason: string;
}> {}

/** The budget of looking up and submitting again is spent: it stays unknown until somebody or something proves the outcome. */
export class BrokerOutcomeUnresolved extends event('BrokerOutcomeUnresolved', 1)<{
  readonly attempts: number;
  readonly reason: string;
}> {}

/** Whose execution it is: readers of this topic know the order without having followed its revision. */
interface OfOrder extends Pick<RevisionTerms, 'orderId' | 'revision' | 'symbol' | 'side'> {}

/** The broker traded. `brokerageExecutionId` is the broker's own. */
export class ExecutionReported extends event('ExecutionReported', 1)<
  Execution & OfOrder & { readonly brokerageExecutionId: string }
> {}

/** The broker took an execution back. */
export class ExecutionBusted extends event('ExecutionBusted', 1)<OfOrder & { readonly executionId: string }> {}

/** The broker corrected an execution. */
export class ExecutionCorrected extends event('ExecutionCorrected', 1)<Execution & OfOrder> {}

/** Cancelled at the broker, or before it got there. All its executions were reported before. */
export class BrokerOrderCanceled extends event('BrokerOrderCanceled', 1)<{
  readonly atBroker: boolean;
  readonly filledQuantity: string;
}> {}

/** The broker does not cancel it. */
export class BrokerCancelRejected extends event('BrokerCancelRejected', 1)<{ readonly reason: string }> {}

/** This revision was replaced by the next one; all its executions were reported before. */
export class BrokerOrderReplaced extends event('BrokerOrderReplaced', 1)<{
  readonly by: string;
  readonly filledQuantity: string;
}> {}

/** The broker does not replace; said by the new revision, which thereby ends. */
export class BrokerReplaceRejected extends event('BrokerReplaceRejected', 1)<{ readonly reason: string }> {}

/** Its time in force ended at the broker. All its executions were reported before. */
export class BrokerOrderExpired extends event('BrokerOrderExpired', 1)<{ readonly filledQuantity: string }> {}

/** The broker is done with it for today. */
export class BrokerOrderDoneForDay extends event('BrokerOrderDoneForDay', 1)<Record<never, never>> {}

/** The broker has suspended it. */
export class BrokerOrderSuspended extends event('BrokerOrderSuspended', 1)<{ readonly reason?: string }> {}

/** An order at the broker that is not ours: somebody else uses the login, or a database was restored. Taken up so that all see it. */
export class ForeignOrderAdopted extends event('ForeignOrderAdopted', 1)<{
  readonly brokerageOrderId: string;
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: OrderTerms['side'];
  readonly quantity: string;
  readonly filledQuantity: string;
  readonly status: string;
}> {}

/** What was asked or reported changes nothing: it was known, or too late. */
export class BrokerOrderUnchanged extends event('BrokerOrderUnchanged', 1)<{ readonly about: string; readonly reason: string }> {}

/** Every event of a BrokerOrder. */
export type BrokerOrderEvent =
  | SubmissionRequested
  | ReplacementRequested
  | CancellationRequested
  | BrokerOrderAccepted
  | BrokerOrderRejected
  | BrokerOrderLapsed
  | BrokerOutcomeUnknown
  | BrokerOutcomeUnresolved
  | ExecutionReported
  | ExecutionBusted
  | ExecutionCorrected
  | BrokerOrderCanceled
  | BrokerCancelRejected
  | BrokerOrderReplaced
  | BrokerReplaceRejected
  | BrokerOrderExpired
  | BrokerOrderDoneForDay
  | BrokerOrderSuspended
  | ForeignOrderAdopted
  | BrokerOrderUnchanged;
