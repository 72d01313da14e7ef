import { withoutNulls } from '@tradecore/consumers';
import { withTexts, type Transaction } from '@tradecore/event-sourcing';
import { orderIdFor, type WithTexts } from '@tradecore/events';
import type { OrdStatus } from '@tradecore/trading';
import type { OrderRow } from './orders.projector.ts';
import { progress, type Progress } from './progress.queries.ts';

/** An order in the read model. */
export interface OrderFound extends Progress {
  readonly order: OrderShown;
}

/** An order as it is shown: with its texts. */
export type OrderShown = WithTexts<OrderRow>;

const columns = `
  order_id as "orderId", account_id as "accountId", client_order_id as "clientOrderId", symbol, side, type,
  trim_scale(quantity)::text as quantity, trim_scale(limit_price)::text as "limitPrice", trim_scale(stop_price)::text as "stopPrice",
  time_in_force as "timeInForce", status, canceling, paused, cancel_reason as "cancelReason", version, exec_type as "execType",
  trim_scale(filled_quantity)::text as "filledQuantity", trim_scale(executed_value)::text as "executedValue", revision, revisions, requested,
  to_char(good_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "goodUntil", denial, account_version as "accountVersion", rejection_code as "rejectionCode", reason,
  to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "createdAt",
  to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "updatedAt",
  _version, _parked`;

type Selected = OrderRow & { readonly _version: number; readonly _parked: string | null };

async function found(db: Transaction, rows: readonly Selected[]): Promise<OrderFound[]> {
  const present = rows.map(({ _version, _parked, ...row }) => ({
    order: withoutNulls(row) as OrderRow,
    ...progress(_version, _parked),
  }));
  return withTexts(db, present) as Promise<OrderFound[]>;
}

/** The order; the caller checks that its account is in scope. */
export async function orderById(db: Transaction, orderId: string): Promise<OrderFound | undefined> {
  const sql = `select ${columns} from order_projector.exported_orders where order_id = $1`;
  return (await found(db, (await db.query(sql, [orderId])) as Selected[]))[0];
}

/** The end of a page. */
export interface OrderCursor {
  readonly createdAt: string;
  readonly orderId: string;
}

/** A page of an account's orders. */
export interface OrderPageQuery {
  readonly accountId: string;
  readonly clientOrderId?: string;
  readonly status?: OrdStatus;
  readonly symbol?: string;
  readonly after?: OrderCursor;
  /** 1 to 500. */
  readonly limit: number;
}

/** A page, newest first, and where the next one starts; new orders change no page after the cursor. */
export interface OrderPage {
  readonly orders: readonly OrderFound[];
  readonly next?: OrderCursor;
}

/** Orders of one account, which the caller has checked to be in scope. */
export async function ordersOfAccount(db: Transaction, query: OrderPageQuery): Promise<OrderPage> {
  const { accountId, clientOrderId, status, symbol, after, limit } = query;
  const orderId = clientOrderId === undefined ? null : orderIdFor(accountId, clientOrderId);
  // Add a clause only if requested: its index needs to see it.
  const filters = Object.entries({ status, symbol }).filter(([, value]) => value !== undefined);
  const rows = (await db.query(
    `select ${columns} from order_projector.exported_orders
      where account_id = $1 and ($2::uuid is null or order_id = $2)
        and (created_at, order_id) < (coalesce($3::timestamptz, 'infinity'), coalesce($4::uuid, $5))
        ${filters.map(([column], n) => `and ${column} = $${n + 7}`).join(' ')}
      order by exported_orders.created_at desc, order_id desc limit $6`,
    [
      accountId,
      orderId,
      after?.createdAt ?? null,
      after?.orderId ?? null,
      greatestUuid,
      limit + 1,
      ...filters.map(([, value]) => value),
    ],
  )) as Selected[];
  const orders = await found(db, rows.slice(0, limit));
  const last = orders.at(-1)?.order;
  return { orders, ...(rows.length > limit && last && { next: { createdAt: last.createdAt, orderId: last.orderId } }) };
}

const greatestUuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
