import type { RecordedEvent } from '@tradecore/events';
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

/** An execution as read models show it, as it stands: what was taken back is not among them. */
export interface ExecutionSeen {
  readonly id: string;
  readonly quantity: string;
  readonly price: string;
}

/** What clients read, of every account: over HTTP in tests, from the exported views for an operator. */
export interface ReadModels {
  orders(): Promise<readonly OrderSeen[]>;
  accounts(): Promise<readonly AccountSeen[]>;
  positions(): Promise<readonly PositionSeen[]>;
  executions(): Promise<readonly ExecutionSeen[]>;
}

/** A record of a topic as a `read_committed` reader sees it. */
export interface TopicRecord {
  readonly key: string;
  /** The event's id. */
  readonly id: string;
}

/** All that a topic holds. */
export interface TopicSeen {
  readonly records: readonly TopicRecord[];
  /** RFC 3339: the topic has let go what is older. It holds everything when absent. */
  readonly since?: string;
}

/** An order as the brokerage shows it. */
export interface BrokerageOrderSeen {
  readonly id: string;
  readonly client_order_id: string;
  readonly status: string;
}

/** An execution as the brokerage lists it: as it stands now; one that was taken back is not in the list. */
export interface BrokerageFill {
  /** Our id of it. */
  readonly id: string;
  readonly order_id: string;
  readonly symbol: string;
  readonly side: 'buy' | 'sell';
  readonly qty: string;
  readonly price: string;
}

/** What the brokerage has, in full. */
export interface AtBrokerage {
  readonly orders: readonly BrokerageOrderSeen[];
  readonly fills: readonly BrokerageFill[];
}

/** Runs SQL on the fleet's database, as a role that may read all of it. */
export interface Database {
  query(sql: string, parameters?: unknown[]): Promise<Record<string, unknown>[]>;
}

/** Who is asked. Only tests ask the brokerage: in a running fleet the gateway needs its rate limit. */
export interface Witnesses {
  /** Every stored event, in the order of time. */
  stored(): Promise<readonly RecordedEvent[]>;
  readonly database: Database;
  readonly readModels: ReadModels;
  /** A whole topic, by its declared name. */
  topic(name: string): Promise<TopicSeen>;
  brokerage?(): Promise<AtBrokerage>;
}

/** What the store and the brokerage hold, read once. */
export interface Facts {
  readonly stored: readonly RecordedEvent[];
  readonly orders: readonly Order[];
  readonly accounts: readonly Account[];
  readonly brokerOrders: readonly BrokerOrder[];
  readonly atBrokerage: AtBrokerage | undefined;
}
