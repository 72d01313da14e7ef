import type { OrderTerms } from '@tradecore/events';

/** How an order stands at the broker, as far as we tell them apart: `working` is everything in which it may still trade or is being changed. */
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

/** An order as the broker shows it. Decimals are canonical strings, times RFC 3339. */
export interface BrokerageOrder {
  /** The broker's id. */
  readonly brokerageOrderId: string;
  /** The BrokerOrder id, where the order is ours. */
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: OrderTerms['side'];
  readonly status: BrokerageStatus;
  /** The broker's own word for the status. */
  readonly brokerageStatus: string;
  readonly quantity: string;
  /** What has traded; of a replacement with what its predecessors had traded. */
  readonly filledQuantity: string;
  readonly submittedAt: string;
  /** The broker's ids of the order that this one replaces, and of the one that replaces this. */
  readonly replaces?: string;
  readonly replacedBy?: string;
}

/** An execution as the broker reports it. */
export interface BrokerageExecution {
  /** Ours: derived from the broker's. */
  readonly executionId: string;
  /** The broker's. */
  readonly brokerageExecutionId: string;
  /** The broker's id of the order that traded. */
  readonly brokerageOrderId: string;
  readonly quantity: string;
  readonly price: string;
  /** RFC 3339. */
  readonly executedAt: string;
}

/**
 * What became of a call to the broker. `unsent`: it surely changed nothing (no connection, a 429, the circuit is open): ask again later.
 * `unknown`: it may have been carried out (a time-out, a reset, a 5xx, a reply of another shape): only looking up tells.
 */
export type BrokerAnswer =
  | { readonly kind: 'order'; readonly order: BrokerageOrder }
  | { readonly kind: 'done' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }
  | { readonly kind: 'unsent'; readonly reason: string; readonly retryAfterMs?: number }
  | { readonly kind: 'unknown'; readonly reason: string };
