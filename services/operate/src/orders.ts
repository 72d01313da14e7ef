import { placementIdFor } from '@tradecore/events';
import type { Fleet } from './fleet.ts';
import type { Report, Row } from './output.ts';
import type { Shell } from './shell.ts';

/** `orders ...` */
export function orderCommands(shell: Shell): void {
  const orders = shell.group('orders', 'single orders');
  const show = { usage: 'show <order>', description: 'every stored event of an order, its placement and its broker orders' };
  shell.report(orders, show, (fleet, { args: [id = ''] }) => orderReport(fleet, id));
  for (const [usage, { description }] of Object.entries(lists))
    shell.report(orders, { usage, description }, (fleet) => ordersListed(fleet, usage as keyof typeof lists));
}

/** Rows of a list, at most. */
const listLimit = 200;

/** One order: every stored event of it, its placement and its broker orders, in order of time. */
async function orderReport({ database }: Fleet, orderId: string): Promise<Report> {
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

/** The lists of orders, each row with the count of all; `nothing` is said of an empty one. */
const lists = {
  stuck: {
    description: 'orders whose saga waits for an operator, and what it waits for',
    nothing: 'no saga is stuck',
    sql: `select count(*) over () as count,
            o.aggregate_ids[1]::text as "order", o.saga_id::text as saga, e.data->>'waitingFor' as "waits for", e.data->>'attempts' as attempts,
            e.since::text, o.due_at::text as "asks again at"
       from order_saga.open_sagas o left join lateral (
         select s.event_data as data, s."timestamp" as since from event_store s
          where s.aggregate_id = o.saga_id and s.event_type = 'PlacementStuck' order by s.aggregate_version desc limit 1) e on true
      where o.stuck order by o.due_at limit ${listLimit}`,
  },
  unknown: {
    description: 'orders whose outcome at the brokerage is not known',
    nothing: 'the outcome of every order is known',
    // `standing` is what the gateway knows of the call.
    sql: `select count(*) over () as count,
            o.order_id::text as "order", o.account_id::text as account, o.symbol, o.side, trim_scale(o.quantity)::text as quantity,
            g.key::text as "client order id", g.standing, o.updated_at::text as since
       from order_projector.exported_orders o left join lateral (
         select w.key, w.state->>'standing' as standing
           from broker_gateway.steps s join broker_gateway.work w on w.key = s.broker_order_id
          where s.kind <> 'cancel' and s.terms->>'orderId' = o.order_id::text and w.state->>'standing' in ('unknown', 'unresolved') limit 1) g on true
      where o.status = 'unknown' order by o.updated_at limit ${listLimit}`,
  },
  foreign: {
    description: 'orders at the brokerage that are not ours, the newest first',
    nothing: 'no order at the brokerage is not ours',
    sql: `select count(*) over () as count,
            event_data->>'brokerageOrderId' as "at the brokerage", event_data->>'clientOrderId' as "client order id", event_data->>'symbol' as symbol,
            event_data->>'side' as side, event_data->>'quantity' as quantity, event_data->>'filledQuantity' as filled, event_data->>'unreadable' as unreadable,
            "timestamp"::text as since
       from event_store where aggregate_type = 'BrokerOrder' and event_type = 'ForeignOrderAdopted' order by "timestamp" desc limit ${listLimit}`,
  },
  corrected: {
    description: 'orders overfilled, and trades taken back or corrected, the newest first',
    nothing: 'nothing was overfilled, taken back or corrected',
    sql: `select count(*) over () as count,
            aggregate_id::text as "order", event_type as event, "timestamp"::text as time, event_data::text as data from event_store
      where aggregate_type = 'Order' and (event_type in ('OrderExecutionBusted', 'OrderExecutionCorrected')
         or event_type = 'OrderExecuted' and event_data ? 'excessQuantity') order by "timestamp" desc limit ${listLimit}`,
  },
};

/** One of these lists, and how many it has. Exit code 1 when there is anything. */
export async function ordersListed({ database }: Fleet, name: keyof typeof lists): Promise<Report & { readonly count: number }> {
  const { sql, nothing } = lists[name];
  const found = (await database.query(sql)) as unknown as (Row & { readonly count: string })[];
  const count = Number(found[0]?.count ?? 0);
  const rows = found.map(({ count: _, ...row }) => row as Row);
  const more = count - rows.length;
  return { rows, count, nothing, code: count > 0 ? 1 : 0, ...(more > 0 && { more: `and ${more} more` }) };
}
