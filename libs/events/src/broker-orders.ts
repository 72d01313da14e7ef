import { event, type Written } from './event.ts';
import type { Approval, Execution, OrderTerms } from './orders.ts';

/**
 * The terms of one revision of an order, as sent to the brokerage, which knows it by its BrokerOrder id
 * (`client_order_id`).
 */
export interface RevisionTerms extends Omit<OrderTerms, 'clientOrderId'>, Pick<Approval, 'collarPrice' | 'goodUntil'> {
  readonly orderId: string;
  /** 1 for the order as placed; each replace adds one. */
  readonly revision: number;
}

/** The terms of a revision that replaces another BrokerOrder (`replaces`, its id). */
export interface ReplacingTerms extends RevisionTerms {
  readonly replaces: string;
}

/** The first event of a BrokerOrder, whichever it is, carries the step that asked for it. */
export interface Opening {
  readonly commandId: string;
  readonly terms: RevisionTerms | ReplacingTerms;
}

/** The order of a BrokerOrder: readers know order and account without having followed it. */
export interface OfOrder extends Pick<RevisionTerms, 'orderId' | 'accountId' | 'revision'> {
  /** Present only in the first event. */
  readonly opening?: Opening;
  /** Command id of the step that this answers. */
  readonly answers?: string;
}

/** The brokerage has it, by its reply, its stream, or a look-up. `found`: by look-up after an unknown outcome. */
export class BrokerOrderAccepted extends event('BrokerOrderAccepted', 1)<
  OfOrder & {
    /** The brokerage's id. */
    readonly brokerageOrderId: string;
    readonly found: boolean;
    /** For a replacement: shares that earlier revisions had traded when it took over. */
    readonly carriedQuantity?: string;
    /**
     * The brokerage does not count those shares for this order: it was sent with the remaining quantity. Absent where
     * it does.
     */
    readonly countsFromZero?: boolean;
  }
> {}

/** The brokerage refused it. */
export class BrokerOrderRejected extends event('BrokerOrderRejected', 1)<
  OfOrder & { readonly code: string; readonly reason: string }
> {}

/** It was never sent: its time in force had ended, the market was beyond the collar, or trading was halted. */
export class BrokerOrderLapsed extends event('BrokerOrderLapsed', 1)<
  OfOrder & { readonly reason: 'time-in-force' | 'collar' | 'trading-halted'; readonly lastPrice?: string }
> {}

/** A call ended without an answer: the brokerage may or may not have the order. */
export class BrokerOutcomeUnknown extends event('BrokerOutcomeUnknown', 1)<
  OfOrder & { readonly attempt: number; readonly reason: string }
> {}

/** The budget for looking up and resubmitting is spent: it stays unknown until the outcome is proved. */
export class BrokerOutcomeUnresolved extends event('BrokerOutcomeUnresolved', 1)<
  OfOrder & { readonly attempts: number; readonly reason: string }
> {}

/** What was traded, and the brokerage's own id of the report. */
interface Traded extends OfOrder, Pick<OrderTerms, 'symbol' | 'side'> {
  readonly brokerageExecutionId: string;
}

/** The brokerage traded. */
export class ExecutionReported extends event('ExecutionReported', 1)<Traded & Execution> {}

/** The brokerage took an execution back. `executionId` is that of the first report. */
export class ExecutionBusted extends event('ExecutionBusted', 1)<Traded & Pick<Execution, 'executionId'>> {}

/** The brokerage corrected an execution: these are its figures now. `executionId` is that of the first report. */
export class ExecutionCorrected extends event('ExecutionCorrected', 1)<Traded & Execution> {}

/** Cancelled at the brokerage, or before it got there. All its executions were reported before. */
export class BrokerOrderCanceled extends event('BrokerOrderCanceled', 1)<
  OfOrder & { readonly atBrokerage: boolean; readonly filledQuantity: string }
> {}

/** The brokerage refused to cancel it. */
export class BrokerCancelRejected extends event('BrokerCancelRejected', 1)<OfOrder & { readonly reason: string }> {}

/** It was replaced by the BrokerOrder `by`; all its executions were reported before. */
export class BrokerOrderReplaced extends event('BrokerOrderReplaced', 1)<
  OfOrder & { readonly by: string; readonly filledQuantity: string }
> {}

/** The brokerage refused to replace; recorded on the replacement, which thereby ends. */
export class BrokerReplaceRejected extends event('BrokerReplaceRejected', 1)<OfOrder & { readonly reason: string }> {}

/** Its time in force ended at the brokerage. All its executions were reported before. */
export class BrokerOrderExpired extends event('BrokerOrderExpired', 1)<OfOrder & { readonly filledQuantity: string }> {}

/** The brokerage has finished with it for today. */
export class BrokerOrderDoneForDay extends event('BrokerOrderDoneForDay', 1)<OfOrder> {}

/** The brokerage has suspended it. */
export class BrokerOrderSuspended extends event('BrokerOrderSuspended', 1)<OfOrder & { readonly reason?: string }> {}

/** The brokerage works it again after it was done for the day or suspended. */
export class BrokerOrderResumed extends event('BrokerOrderResumed', 1)<OfOrder> {}

/**
 * An order at the brokerage that is not ours: the login is used elsewhere, or a database was restored. Recorded to make
 * it visible.
 */
export class ForeignOrderAdopted extends event('ForeignOrderAdopted', 1)<{
  readonly brokerageOrderId: string;
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side?: OrderTerms['side'];
  readonly quantity: string;
  readonly filledQuantity: string;
  readonly status: string;
  /**
   * For an order of an unknown shape: what differs from the known shape. The other fields are then the brokerage's own
   * values, or empty.
   */
  readonly unreadable?: string;
}> {}

/** The events of a BrokerOrder, by the service that writes them. */
export const brokerOrderWriters = {
  'broker-gateway': [
    BrokerOrderAccepted,
    BrokerOrderRejected,
    BrokerOrderLapsed,
    BrokerOutcomeUnknown,
    BrokerOutcomeUnresolved,
    ExecutionReported,
    ExecutionBusted,
    ExecutionCorrected,
    BrokerOrderCanceled,
    BrokerCancelRejected,
    BrokerOrderReplaced,
    BrokerReplaceRejected,
    BrokerOrderExpired,
    BrokerOrderDoneForDay,
    BrokerOrderSuspended,
    BrokerOrderResumed,
    ForeignOrderAdopted,
  ],
} as const;

/** Every event of a BrokerOrder. */
export type BrokerOrderEvent = Written<typeof brokerOrderWriters>;
