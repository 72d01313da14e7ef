import type { RevisionTerms } from '@tradecore/events';
import type { BrokerAnswer, BrokerageExecution, BrokerageOrder } from '@tradecore/trading';

/** An instrument as the broker lists it; decimals are canonical strings. */
export interface BrokerageInstrument {
  readonly symbol: string;
  readonly tick: string;
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

/** The broker's clock and whether its market is open; RFC 3339. */
export interface BrokerageClock {
  readonly now: string;
  readonly isOpen: boolean;
  readonly nextOpen: string;
  readonly nextClose: string;
}

/** What the broker's stream tells: the order as it stood then, and what happened to it. */
export interface BrokerageUpdate {
  readonly event: string;
  readonly order: BrokerageOrder;
  readonly execution?: BrokerageExecution;
  /** The execution that was taken back or corrected; ours. */
  readonly previousExecutionId?: string;
}

/** A question to the broker that was not answered, or not in the shape that we know. Nothing follows from it: ask again. */
export class BrokerSilent extends Error {
  override readonly name = 'BrokerSilent';
}

/**
 * A broker. Calls that change something answer with a `BrokerAnswer` and never throw; questions throw `BrokerSilent`.
 * `clientOrderId` is the BrokerOrder id.
 */
export interface BrokerPort {
  /** Its name, as it stands in ids of executions and in logs. */
  readonly brokerage: string;
  submit(clientOrderId: string, terms: RevisionTerms): Promise<BrokerAnswer>;
  /** Replaces an order under a new client order id; `quantity` is the new total. */
  replace(brokerageOrderId: string, clientOrderId: string, terms: RevisionTerms): Promise<BrokerAnswer>;
  cancel(brokerageOrderId: string): Promise<BrokerAnswer>;
  byClientOrderId(clientOrderId: string): Promise<BrokerAnswer>;
  byId(brokerageOrderId: string): Promise<BrokerAnswer>;
  /** Every order that may still trade. */
  openOrders(): Promise<readonly BrokerageOrder[]>;
  /** Every order that was submitted after that time. */
  ordersSince(time: string): Promise<readonly BrokerageOrder[]>;
  /** Every execution after that time, oldest first. */
  executionsSince(time: string): Promise<readonly BrokerageExecution[]>;
  instruments(): Promise<readonly BrokerageInstrument[]>;
  lastPrices(symbols: readonly string[]): Promise<readonly BrokeragePrice[]>;
  clock(): Promise<BrokerageClock>;
}
