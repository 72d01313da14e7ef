import type { Transaction } from '@tradecore/event-sourcing';
import { orderIdFor } from '@tradecore/events';
import { orderResponseOf } from './api/order-response.ts';
import type { OrderResponse } from './api/orders.ts';
import type { OrderRow } from './orders.projector.ts';

/** How far the read model is with one aggregate. */
export interface Progress {
  /** Of the last event that it has seen; 0 for none. */
  readonly version: number;
  /** Why it takes no more events of this aggregate, until somebody redrives it. */
  readonly parked?: string;
}

/** An order as the read model has it. */
export interface OrderFound extends Progress {
  readonly order: OrderResponse;
}

const columns = `
  order_id as "orderId", account_id as "accountId", client_order_id as "clientOrderId", symbol, side, type,
  trim_scale(quantity)::text as quantity, trim_scale(limit_price)::text as "limitPrice", trim_scale(stop_price)::text as "stopPrice",
  time_in_force as "timeInForce", status, cancel_reason as "cancelReason", version,
  to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "createdAt",
  to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "updatedAt",
  _version, _parked`;

type Selected = OrderRow & { readonly _version: number; readonly _parked: string | null };

function found({ _version, _parked, ...row }: Selected): OrderFound {
  const present = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as unknown as OrderRow;
  return { order: orderResponseOf(present), ...progress(_version, _parked) };
}

const progress = (version: number, parked: string | null): Progress => ({ version, ...(parked !== null && { parked }) });

/** The order, when it is there and of one of these accounts; a foreign one is not told from one that is not there. */
export async function orderById(db: Transaction, orderId: string, accounts: readonly string[]): Promise<OrderFound | undefined> {
  const [row] = (await db.query(
    `select ${columns} from order_projector.exported_orders
      where order_id = $1 and account_id = any($2::uuid[])`,
    [orderId, accounts],
  )) as Selected[];
  return row && found(row);
}

/** How far the read model of orders is with an order, also one that it could make no row of: what a consistency token waits for. */
export async function orderProgress(db: Transaction, orderId: string): Promise<Progress> {
  const [row] = (await db.query(`select _version, _parked from order_projector.progress where aggregate_id = $1`, [orderId])) as {
    _version: number;
    _parked: string | null;
  }[];
  return row ? progress(row._version, row._parked) : { version: 0 };
}

/** Where a page ended. */
export interface OrderCursor {
  readonly createdAt: string;
  readonly orderId: string;
}

/** Which page of an account's orders. */
export interface OrderPageQuery {
  readonly accountId: string;
  readonly clientOrderId?: string;
  readonly after?: OrderCursor;
  /** 1 to 500. */
  readonly limit: number;
}

/** A page, newest first, and where the next one starts; an order that comes meanwhile changes no page after the cursor. */
export interface OrderPage {
  readonly orders: readonly OrderFound[];
  readonly next?: OrderCursor;
}

/** Orders of one account, which the caller has checked to be in scope. */
export async function ordersOfAccount(db: Transaction, query: OrderPageQuery): Promise<OrderPage> {
  const { accountId, clientOrderId, after, limit } = query;
  const orderId = clientOrderId === undefined ? null : orderIdFor(accountId, clientOrderId);
  const rows = (await db.query(
    `select ${columns} from order_projector.exported_orders
      where account_id = $1 and ($2::uuid is null or order_id = $2)
        and (created_at, order_id) < (coalesce($3::timestamptz, 'infinity'), coalesce($4::uuid, $5))
      order by exported_orders.created_at desc, order_id desc limit $6`,
    [accountId, orderId, after?.createdAt ?? null, after?.orderId ?? null, greatestUuid, limit + 1],
  )) as Selected[];
  const orders = rows.slice(0, limit).map(found);
  const last = orders.at(-1)?.order;
  return { orders, ...(rows.length > limit && last && { next: { createdAt: last.createdAt, orderId: last.id } }) };
}

const greatestUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
