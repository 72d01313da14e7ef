/** What the checks read from the services' tables besides events and topics: all SQL over them is in this file. */
import { feedChanges } from '@tradecore/events';
import type { AccountSeen, Database, ExecutionSeen, OrderSeen, PositionSeen, ReadModels } from './witnesses.ts';

/** The event types that an account's feed shows. */
export const feedTypes: ReadonlySet<string> = new Set(Object.keys(feedChanges));

/** The feed as its projector exports it, by account, in order. */
export async function feedEntries(
  database: Database,
): Promise<readonly { readonly account: string; readonly sequence: string; readonly eventId: string }[]> {
  return rowsOf(
    database,
    `select e.account_id::text as account, e.sequence::text, e.event_id::text as "eventId"
       from feed_projector.exported_feed_entries e order by e.account_id, e.sequence`,
  );
}

/** Command ids of the steps that the gateway has received but not yet answered. */
export async function stepsAtTheGateway(database: Database): Promise<ReadonlySet<string>> {
  const rows = await rowsOf<{ id: string }>(database, 'select command_id::text as id from broker_gateway.exported_steps');
  return new Set(rows.map(({ id }) => id));
}

/** The read models through their exported views: the rows that query-api returns. */
export function exportedViews(database: Database): ReadModels {
  return {
    orders: () =>
      rowsOf<OrderSeen>(
        database,
        `select order_id::text as id, status, trim_scale(quantity)::text as quantity, trim_scale(filled_quantity)::text as "filledQuantity"
           from order_projector.exported_orders`,
      ),
    accounts: async () => {
      const rows = await rowsOf<{ id: string; cash: string; reservations: Readonly<Record<string, { amount: string }>> }>(
        database,
        `select account_id::text as id, trim_scale(available + reserved)::text as cash, reservations
           from account_projector.exported_accounts`,
      );
      return rows.map(({ id, cash, reservations }): AccountSeen => ({
        id,
        cash,
        reservations: Object.entries(reservations).map(([orderId, { amount }]) => ({ orderId, amount })),
      }));
    },
    positions: () =>
      rowsOf<PositionSeen>(
        database,
        `select account_id::text as "accountId", symbol, trim_scale(quantity)::text as quantity
           from position_projector.exported_positions`,
      ),
    // A reversal cancels one booking of the same id and figures; one without a booking shows as one too many.
    executions: () =>
      rowsOf<ExecutionSeen>(
        database,
        `select execution_id::text as id, trim_scale(quantity)::text as quantity, trim_scale(price)::text as price
           from account_projector.exported_activities where kind in ('fill', 'reversal')
          group by execution_id, quantity, price
         having count(*) filter (where kind = 'fill') <> count(*) filter (where kind = 'reversal')`,
      ),
  };
}

const rowsOf = async <Row>(database: Database, sql: string): Promise<Row[]> => (await database.query(sql)) as Row[];
