import type { RevisionTerms } from '@tradecore/events';
import type { BrokerageAnswer, BrokerageExecution, BrokerageOrder, UnreadableOrder } from '@tradecore/trading';

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

/**
 * A brokerage. Calls about one order return a `BrokerageAnswer` and never throw; questions about many may throw
 * `NoUsableReply`. `clientOrderId` is the BrokerOrder id.
 */
export interface BrokeragePort {
  /** Its name in execution ids and logs. */
  readonly brokerage: string;
  /** Whether a replaced order's fills count towards its replacement. If not, `replace` is not called. */
  readonly replaceCarriesFills: boolean;
  submit(clientOrderId: string, terms: RevisionTerms): Promise<BrokerageAnswer>;
  /** Replaces an order under a new client order id; `quantity` is the new total. */
  replace(brokerageOrderId: string, clientOrderId: string, terms: RevisionTerms): Promise<BrokerageAnswer>;
  cancel(brokerageOrderId: string): Promise<BrokerageAnswer>;
  byClientOrderId(clientOrderId: string): Promise<BrokerageAnswer>;
  byId(brokerageOrderId: string): Promise<BrokerageAnswer>;
  /** Every order that may still trade. */
  openOrders(): Promise<BrokerageOrders>;
  /** Every order that was submitted after that time. */
  ordersSince(time: string): Promise<BrokerageOrders>;
  /** Every listed execution of an order. */
  executionsOf(order: BrokerageOrder): Promise<readonly BrokerageExecution[]>;
  /** Every execution after that time, oldest first. */
  executionsSince(time: string): Promise<BrokerageExecutions>;
  instruments(): Promise<readonly BrokerageInstrument[]>;
  /** At most 1,000 symbols. */
  lastPrices(symbols: readonly string[]): Promise<readonly BrokeragePrice[]>;
  clock(): Promise<BrokerageClock>;
}
