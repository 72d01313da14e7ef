import type { Database } from '@tradecore/checks';
import { placementIdFor } from '@tradecore/events';
import type { Fleet } from './fleet.ts';
import type { Report, Row } from './output.ts';
import type { Shell } from './shell.ts';

/** `orders ...` */
export function orderCommands(shell: Shell): void {
  const orders = shell.group('orders', 'single orders');
  const show = { usage: 'show <order>', description: 'every stored event of an order, its placement and its broker orders' };
  shell.report(orders, show, (fleet, { args: [id = ''] }) => orderReport(fleet, id));
  shell.report(orders, { usage: 'stuck', description: 'orders whose saga waits for an operator' }, stuckReport);
  const unknown = { usage: 'unknown', description: 'orders whose outcome at the brokerage is not known' };
  shell.report(orders, unknown, unknownReport);
}

/** Rows of a list, at most. */
const listLimit = 200;

/** One order: every stored event of it, its placement and its broker orders, in order of time. */
export async function orderReport({ database }: Fleet, orderId: string): Promise<Report> {
  const targets = await database.query(
    `select distinct event_data->>'target' as id from event_store where aggregate_id = $1 and event_data ? 'target'`,
    [placementIdFor(orderId)],
  );
  const ids = [orderId, placementIdFor(orderId), ...targets.map(({ id }) => String(id))];
  const rows = (await database.query(
    `select "timestamp"::text as time, aggregate_type as what, aggregate_version as version, event_type as event, event_data::text as data
       from event_store where aggregate_id = any ($1) order by "timestamp", position limit 10000`,
    [ids],
  )) as unknown as Row[];
  return { rows, nothing: `no order ${orderId} is stored`, code: rows.length === 0 ? 1 : 0 };
}

/** Orders whose saga waits for an operator. */
export const stuckReport = ({ database }: Fleet): Promise<Report> =>
  listOf(
    database,
    `select o.aggregate_ids[1]::text as "order", o.saga_id::text as saga, o.due_at::text as "due at"
       from order_saga.open_sagas o where o.stuck order by o.due_at limit ${listLimit}`,
    'no saga is stuck',
  );

/** Orders of which nobody knows yet what the brokerage did. */
export const unknownReport = ({ database }: Fleet): Promise<Report> =>
  listOf(
    database,
    `select order_id::text as "order", account_id::text as account, symbol, side, trim_scale(quantity)::text as quantity, updated_at::text as since
       from order_projector.exported_orders where status = 'unknown' order by updated_at limit ${listLimit}`,
    'the outcome of every order is known',
  );

async function listOf(database: Database, sql: string, nothing: string): Promise<Report> {
  const rows = (await database.query(sql)) as unknown as Row[];
  return { rows, nothing, code: rows.length > 0 ? 1 : 0 };
}
