import type { Decimal } from '@tradecore/money';

/** Alpaca's order statuses. */
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

/** An order request; prices and quantities as the client wrote them. */
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

/** A replace request; absent fields stay as they are. `qty` is the new total, including carried-over fills. */
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
  /** Includes the fills of the order that it replaces, unless it counts from zero. */
  readonly filledQty: Decimal;
  /** Fills of the order that it replaces do not count: all of `qty` may trade. */
  readonly countsFromZero?: boolean;
  /** Sum of quantity times price of all fills, so that the average price is exact until it is shown. */
  readonly filledValue: Decimal;
  /** The stop price was met. */
  readonly triggered: boolean;
  /** Money (buy) or shares (sell) that the order holds. */
  readonly hold: Decimal;
  readonly replaces?: string;
  readonly replacedBy?: string;
  readonly submittedAt: number;
  readonly updatedAt: number;
  /** End of its trading day; `day` orders only. */
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

/** Alpaca's event names on the update stream. */
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

/** One message of the update stream. */
export interface Update {
  readonly event: UpdateEvent;
  readonly at: number;
  /** The order at that time. */
  readonly order: ExchangeOrder;
  /** For fills, busts and corrections. */
  readonly execution?: {
    readonly id: string;
    readonly qty: Decimal;
    readonly price: Decimal;
    /** Shares of the symbol in the account afterwards. */
    readonly positionQty: Decimal;
    /** The execution that a bust or a correction is about. */
    readonly previousId?: string;
  };
}

const closed: ReadonlySet<VenueStatus> = new Set(['filled', 'canceled', 'expired', 'replaced', 'rejected']);

/** Whether the order may still trade. */
export const isOpen = ({ status }: Pick<ExchangeOrder, 'status'>): boolean => !closed.has(status);
