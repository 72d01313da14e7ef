import type { RevisionTerms } from '@tradecore/events';
import type { BrokerageAnswer, BrokerageExecution, BrokerageOrder, UnreadableOrder } from '@tradecore/trading';

/** An instrument as the brokerage lists it; decimals are canonical strings. */
export interface BrokerageInstrument {
  readonly symbol: string;
  readonly tick: string;
  /** Of prices below 1, where it is another. */
  readonly tickBelowOne?: string;
  readonly lot: string;
  readonly halted: boolean;
}

/** The last price of a symbol. */
export interface BrokeragePrice {
  readonly symbol: string;
  readonly price: string;
  /** When it was made; RFC 3339. */
  readonly at: string;
}

/** The brokerage's clock and whether its market is open; RFC 3339. */
export interface BrokerageClock {
  readonly now: string;
  readonly isOpen: boolean;
  readonly nextOpen: string;
  readonly nextClose: string;
}

/** Orders that the brokerage lists, those of a shape that we do not know apart. */
export interface BrokerageOrders {
  readonly orders: readonly BrokerageOrder[];
  readonly unreadable: readonly UnreadableOrder[];
}

/** Executions that the brokerage lists. */
export interface BrokerageExecutions {
  readonly executions: readonly BrokerageExecution[];
  /** The brokerage's ids of the orders of which it lists executions that can't be read. */
  readonly unreadableOf: ReadonlySet<string>;
}

/** A question to the brokerage that was not answered, or not in a shape that we know. Nothing follows from it: ask again. */
export class NoUsableReply extends Error {
  override readonly name = 'NoUsableReply';
  constructor(
    message: string,
    /** The brokerage heard the question and refuses it as it stands. */
    readonly isRefusal = false,
  ) {
    super(message);
  }
}

/**
 * A brokerage. Calls about one order answer with a `BrokerageAnswer` and never throw; questions about many throw `NoUsableReply`.
 * `clientOrderId` is the BrokerOrder id.
 */
export interface BrokeragePort {
  /** Its name, as it stands in ids of executions and in logs. */
  readonly brokerage: string;
  /** What a replaced order had traded counts as its replacement's. Where not, `replace` is not called. */
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
  /** Every execution of an order that it lists. */
  executionsOf(order: BrokerageOrder): Promise<readonly BrokerageExecution[]>;
  /** Every execution after that time, oldest first. */
  executionsSince(time: string): Promise<BrokerageExecutions>;
  instruments(): Promise<readonly BrokerageInstrument[]>;
  /** Of at most 1,000 symbols. */
  lastPrices(symbols: readonly string[]): Promise<readonly BrokeragePrice[]>;
  clock(): Promise<BrokerageClock>;
}
