import type { OrderTerms } from '@tradecore/events';

/** How an order stands at the brokerage, as far as we tell them apart: `working` is everything in which it may still trade or is being changed. */
export const brokerageStatuses = [
  'working',
  'filled',
  'canceled',
  'expired',
  'replaced',
  'rejected',
  'doneForDay',
  'suspended',
] as const;

/** One of `brokerageStatuses`. */
export type BrokerageStatus = (typeof brokerageStatuses)[number];

/** An order as the brokerage shows it. Decimals are canonical strings, times RFC 3339. */
export interface BrokerageOrder {
  /** The brokerage's id. */
  readonly brokerageOrderId: string;
  /** The BrokerOrder id, where the order is ours. */
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: OrderTerms['side'];
  readonly status: BrokerageStatus;
  /** The brokerage's own word for the status. */
  readonly brokerageStatus: string;
  readonly quantity: string;
  /** What has traded; of a replacement with what its predecessors had traded, where the brokerage carries fills over. */
  readonly filledQuantity: string;
  readonly submittedAt: string;
  /** The brokerage's ids of the order that this one replaces, and of the one that replaces this. */
  readonly replaces?: string;
  readonly replacedBy?: string;
}

/** An order at the brokerage of a shape that we do not know (several legs, options, crypto, by money), as far as it can be read. */
export interface UnreadableOrder extends Pick<
  BrokerageOrder,
  'brokerageOrderId' | 'clientOrderId' | 'symbol' | 'quantity' | 'filledQuantity' | 'brokerageStatus'
> {
  /** What is not as we know it. */
  readonly unreadable: string;
  readonly side?: OrderTerms['side'];
  readonly submittedAt?: string;
}

/** The two names of a report of an execution: ours, derived from the brokerage's, and the brokerage's. */
export interface ReportName {
  readonly executionId: string;
  readonly brokerageExecutionId: string;
}

/** An execution as the brokerage reports it. */
export interface BrokerageExecution extends ReportName {
  /** The brokerage's id of the order that traded. */
  readonly brokerageOrderId: string;
  readonly quantity: string;
  readonly price: string;
  /** RFC 3339. */
  readonly executedAt: string;
}

/** What an update reports of executions. `previous`: the report that it takes back or corrects. */
export type ExecutionReport =
  | { readonly kind: 'trade'; readonly execution: BrokerageExecution }
  | { readonly kind: 'correction'; readonly execution: BrokerageExecution; readonly previous: ReportName }
  /** `execution`: what is taken back, where the brokerage says so. */
  | {
      readonly kind: 'bust';
      readonly brokerageExecutionId: string;
      readonly previous: ReportName;
      readonly execution?: BrokerageExecution;
    };

/** What the brokerage's stream tells: the order as it stood then, and what happened to it. */
export interface BrokerageUpdate {
  readonly event: string;
  readonly order: BrokerageOrder;
  readonly report?: ExecutionReport;
}

/**
 * What became of a call to the brokerage. `done`: a request to cancel is taken. `absent`: there is no such order. `duplicate`: it has an order of
 * that name already. `unsent`: the call surely changed nothing (no connection, a 429, the circuit is open): ask again later.
 * `unknown`: it may have been carried out (a time-out, a reset, a 5xx, a reply of another shape, then with what was shown): only looking up tells.
 */
export type BrokerageAnswer =
  | { readonly kind: 'order'; readonly order: BrokerageOrder }
  | { readonly kind: 'done' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }
  | { readonly kind: 'unsent'; readonly reason: string; readonly retryAfterMs?: number }
  | { readonly kind: 'unknown'; readonly reason: string; readonly shown?: UnreadableOrder };
