import type { Decimal } from '@tradecore/money';

/** Alpaca's words for where an order is. */
export type VenueStatus =
  | 'pending_new'
  | 'new'
  | 'partially_filled'
  | 'filled'
  | 'done_for_day'
  | 'canceled'
  | 'expired'
  | 'replaced'
  | 'pending_cancel'
  | 'pending_replace'
  | 'rejected'
  | 'suspended';

/** What a client asks for; prices and quantities as it wrote them. */
export interface OrderRequest {
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: 'buy' | 'sell';
  readonly type: 'market' | 'limit' | 'stop' | 'stop_limit';
  readonly timeInForce: 'day' | 'gtc' | 'ioc' | 'fok';
  readonly qty: string;
  readonly limitPrice?: string;
  readonly stopPrice?: string;
}

/** What a replace asks for; what is absent stays. `qty` is the new total, filled shares included where they are carried over. */
export interface ReplaceRequest {
  readonly clientOrderId: string;
  readonly qty?: string;
  readonly limitPrice?: string;
  readonly stopPrice?: string;
  readonly timeInForce?: OrderRequest['timeInForce'];
}

/** An order as the exchange holds it. Times are milliseconds since 1970. */
export interface ExchangeOrder {
  readonly id: string;
  readonly account: string;
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: OrderRequest['side'];
  readonly type: OrderRequest['type'];
  readonly timeInForce: OrderRequest['timeInForce'];
  readonly qty: Decimal;
  readonly limitPrice?: Decimal;
  readonly stopPrice?: Decimal;
  readonly status: VenueStatus;
  /** Carried over from the order that it replaces, but where it counts from zero. */
  readonly filledQty: Decimal;
  /** What the order that it replaces had filled does not count as its own: all of `qty` may trade. */
  readonly countsFromZero?: boolean;
  /** Quantity times price of all that was filled, so that the average is exact until it is shown. */
  readonly filledValue: Decimal;
  /** The stop price was met. */
  readonly triggered: boolean;
  /** Money (buy) or shares (sell) that it holds. */
  readonly hold: Decimal;
  readonly replaces?: string;
  readonly replacedBy?: string;
  readonly submittedAt: number;
  readonly updatedAt: number;
  /** When its day ends; `day` orders only. */
  readonly expiresAt?: number;
  readonly filledAt?: number;
  readonly canceledAt?: number;
  readonly expiredAt?: number;
  readonly replacedAt?: number;
  readonly failedAt?: number;
}

/** One execution. */
export interface VenueExecution {
  readonly id: string;
  /** Position in the exchange's history; rises by one. */
  readonly sequence: number;
  readonly orderId: string;
  readonly account: string;
  readonly symbol: string;
  readonly side: OrderRequest['side'];
  readonly qty: Decimal;
  readonly price: Decimal;
  readonly at: number;
  readonly cumQty: Decimal;
  readonly leavesQty: Decimal;
  /** Taken back by the exchange. */
  readonly busted: boolean;
}

/** Alpaca's names of what the stream tells. */
export type UpdateEvent =
  | 'new'
  | 'fill'
  | 'partial_fill'
  | 'canceled'
  | 'expired'
  | 'replaced'
  | 'rejected'
  | 'pending_cancel'
  | 'pending_replace'
  | 'order_cancel_rejected'
  | 'order_replace_rejected'
  | 'done_for_day'
  | 'suspended'
  | 'trade_bust'
  | 'trade_correct';

/** One message of the stream of updates. */
export interface Update {
  readonly event: UpdateEvent;
  readonly at: number;
  /** The order as it stood then. */
  readonly order: ExchangeOrder;
  /** Of fills, busts and corrections. */
  readonly execution?: {
    readonly id: string;
    readonly qty: Decimal;
    readonly price: Decimal;
    /** Shares of the symbol in the account after it. */
    readonly positionQty: Decimal;
    /** The execution that a bust or a correction is about. */
    readonly previousId?: string;
  };
}

const closed: ReadonlySet<VenueStatus> = new Set(['filled', 'canceled', 'expired', 'replaced', 'rejected']);

/** It may still trade. */
export const isOpen = ({ status }: Pick<ExchangeOrder, 'status'>): boolean => !closed.has(status);
