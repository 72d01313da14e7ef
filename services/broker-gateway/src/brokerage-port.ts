import type { BrokerageExecution, BrokerageOrder, UnreadableOrder } from '@tradecore/trading';

/** An instrument as the brokerage lists it; decimals are canonical strings. */
export interface BrokerageInstrument {
  readonly symbol: string;
  readonly tick: string;
  /** For prices below 1, if different. */
  readonly tickBelowOne?: string;
  readonly lot: string;
  readonly halted: boolean;
}

/** The last price of a symbol. */
export interface BrokeragePrice {
  readonly symbol: string;
  readonly price: string;
  /** Time of the trade; RFC 3339. */
  readonly at: string;
}

/** The brokerage's clock and whether its market is open; RFC 3339. */
export interface BrokerageClock {
  readonly now: string;
  readonly isOpen: boolean;
  readonly nextOpen: string;
  readonly nextClose: string;
}

/** Orders that the brokerage lists, separated from those of unknown shape. */
export interface BrokerageOrders {
  readonly orders: readonly BrokerageOrder[];
  readonly unreadable: readonly UnreadableOrder[];
}

/** Executions that the brokerage lists. */
export interface BrokerageExecutions {
  readonly executions: readonly BrokerageExecution[];
  /** The brokerage's ids of orders with unreadable executions. */
  readonly unreadableOf: ReadonlySet<string>;
}

/** The brokerage did not answer a question, or answered in an unknown shape. This proves nothing: ask again. */
export class NoUsableReply extends Error {
  override readonly name = 'NoUsableReply';
  constructor(
    message: string,
    /** The brokerage refused the question itself: repeating it does not help. */
    readonly isRefusal = false,
  ) {
    super(message);
  }
}
