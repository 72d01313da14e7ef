import type { OrderTerms } from '@tradecore/events';

/**
 * The status of an order at the brokerage, as far as we distinguish: `working` covers every status in which it may
 * still trade or is being changed.
 */
export type BrokerageStatus =
  'working' | 'filled' | 'canceled' | 'expired' | 'replaced' | 'rejected' | 'doneForDay' | 'suspended';

/** An order as the brokerage shows it. Decimals are canonical strings, times RFC 3339. */
export interface BrokerageOrder {
  /** The brokerage's id. */
  readonly brokerageOrderId: string;
  /** The BrokerOrder id, if the order is ours. */
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: OrderTerms['side'];
  readonly status: BrokerageStatus;
  /** The brokerage's own name for the status. */
  readonly brokerageStatus: string;
  readonly quantity: string;
  /** Shares traded; for a replacement including its predecessors', if the brokerage carries fills over. */
  readonly filledQuantity: string;
  readonly submittedAt: string;
  /** The brokerage's ids of the order that this one replaces, and of its replacement. */
  readonly replaces?: string;
  readonly replacedBy?: string;
}

/**
 * An order at the brokerage with an unknown shape (several legs, options, crypto, by money), as far as it can be read.
 */
export interface UnreadableOrder extends Pick<
  BrokerageOrder,
  'brokerageOrderId' | 'clientOrderId' | 'symbol' | 'quantity' | 'filledQuantity' | 'brokerageStatus'
> {
  /** What is unknown about it. */
  readonly unreadable: string;
  readonly side?: OrderTerms['side'];
  readonly submittedAt?: string;
}

/** The two ids of an execution report: ours, derived from the brokerage's, and the brokerage's. */
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

/** The execution in an update. `previous`: the report that it takes back or corrects. */
export type ExecutionReport =
  | { readonly kind: 'trade'; readonly execution: BrokerageExecution }
  | { readonly kind: 'correction'; readonly execution: BrokerageExecution; readonly previous: ReportName }
  /** `execution`: what is taken back, if the brokerage includes it. */
  | {
      readonly kind: 'bust';
      readonly brokerageExecutionId: string;
      readonly previous: ReportName;
      readonly execution?: BrokerageExecution;
    };

/** An update from the brokerage's stream: the order at that time, and what happened to it. */
export interface BrokerageUpdate {
  readonly event: string;
  readonly order: BrokerageOrder;
  readonly report?: ExecutionReport;
}

/**
 * The outcome of a call to the brokerage. `done`: it took the request to cancel. `absent`: it has no such order.
 * `duplicate`: it already has an order with that id. `unsent`: the call certainly changed nothing (no connection, a
 * 429, the circuit is open): repeat it later. `unknown`: it may have been carried out (a timeout, a reset, a 5xx, or a
 * reply with an unknown shape, then with what it showed): only a look-up can tell.
 */
export type BrokerageAnswer =
  | { readonly kind: 'order'; readonly order: BrokerageOrder }
  | { readonly kind: 'done' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }
  | { readonly kind: 'unsent'; readonly reason: string; readonly retryAfterMs?: number }
  | { readonly kind: 'unknown'; readonly reason: string; readonly shown?: UnreadableOrder };
