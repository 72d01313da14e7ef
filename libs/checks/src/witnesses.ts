import type { RecordedEvent } from '@tradecore/events';
import type { PlacedRecord } from './incidents.ts';
import type { Account, BrokerOrder, Order } from '@tradecore/trading';

/** An order as read models show it. */
export interface OrderSeen {
  readonly id: string;
  readonly status: string;
  readonly quantity: string;
  readonly filledQuantity: string;
}

/** An account as read models show it. */
export interface AccountSeen {
  readonly id: string;
  readonly cash: string;
  readonly reservations: readonly { readonly orderId: string; readonly amount: string }[];
}

/** A position as read models show it. */
export interface PositionSeen {
  readonly accountId: string;
  readonly symbol: string;
  readonly quantity: string;
}

/** An execution as read models show it now; busted ones are not listed. */
export interface ExecutionSeen {
  readonly id: string;
  readonly quantity: string;
  readonly price: string;
}

/** What clients read for every account: over HTTP in tests, from the exported views for an operator. */
export interface ReadModels {
  orders(): Promise<readonly OrderSeen[]>;
  accounts(): Promise<readonly AccountSeen[]>;
  positions(): Promise<readonly PositionSeen[]>;
  executions(): Promise<readonly ExecutionSeen[]>;
}

/** A record of a topic as a `read_committed` reader sees it. */
export interface TopicRecord extends PlacedRecord {
  readonly key: string;
}

/** Everything a topic holds. */
export interface TopicSeen {
  readonly records: readonly TopicRecord[];
  /** RFC 3339: the topic no longer holds older records. It holds everything when absent. */
  readonly since?: string;
}

/** An order as the brokerage shows it. */
export interface BrokerageOrderSeen {
  readonly id: string;
  readonly client_order_id: string;
  readonly status: string;
  readonly qty: string;
  readonly filled_qty: string;
}

/** An execution as the brokerage lists it now; busted ones are not in the list. */
export interface BrokerageFill {
  /** Our id for it. */
  readonly id: string;
  readonly order_id: string;
  readonly symbol: string;
  readonly side: 'buy' | 'sell';
  readonly qty: string;
  readonly price: string;
}

/** Everything the brokerage has. */
export interface AtBrokerage {
  readonly orders: readonly BrokerageOrderSeen[];
  readonly fills: readonly BrokerageFill[];
}

/** Runs SQL on the fleet's database, as a role that may read everything. */
export interface Database {
  query(sql: string, parameters?: unknown[]): Promise<Record<string, unknown>[]>;
}

/** The sources compared. Only tests ask the brokerage: in a running fleet the gateway needs its rate limit. */
export interface Witnesses {
  /** Every stored event, by time. */
  stored(): Promise<readonly RecordedEvent[]>;
  readonly database: Database;
  readonly readModels: ReadModels;
  /** A whole topic, by its declared name. */
  topic(name: string): Promise<TopicSeen>;
  brokerage?(): Promise<AtBrokerage>;
}

/** The contents of store and brokerage, read once. */
export interface Facts {
  readonly stored: readonly RecordedEvent[];
  readonly orders: readonly Order[];
  readonly accounts: readonly Account[];
  readonly brokerOrders: readonly BrokerOrder[];
  readonly atBrokerage: AtBrokerage | undefined;
}
