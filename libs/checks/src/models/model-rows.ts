/** What the checks read from the read models' tables, aggregate by aggregate. */
import { Account, Order } from '@tradecore/trading';
import { feedTypes } from '../views.ts';
import type { Database } from '../witnesses.ts';
import { accountRow, orderRow, positionRows, type Expected, type ModelRow } from './model-faults.ts';

/** A read model with one or a few rows for each aggregate of a type. */
export interface ComparedModel {
  readonly name: string;
  readonly type: typeof Order | typeof Account;
  /** What it must show for the aggregate. */
  readonly expected: (aggregate: never) => Expected | null;
  readonly sql: string;
}

const checkpoint = `c.aggregate_id::text as "aggregateId", c.version, c.parked_version is not null as "isParked",
  c.version = 0 or exists (select from public.event_store e
    where (e.aggregate_id, e.aggregate_version, e.event_id) = (c.aggregate_id, c.version, c.event_id)) as "isStored"`;

/** Every model whose rows are compared. */
export const comparedModels: readonly ComparedModel[] = [
  {
    name: 'order-projector',
    type: Order,
    expected: orderRow as ComparedModel['expected'],
    sql: `select ${checkpoint}, o.version as "rowVersion", case when o.order_id is not null then jsonb_build_object('status', o.status, 'account', o.account_id,
        'symbol', o.symbol, 'side', o.side, 'quantity', trim_scale(o.quantity)::text, 'filled', trim_scale(o.filled_quantity)::text) end as row
      from order_projector.checkpoints c left join order_projector.orders o on o.order_id = c.aggregate_id
     where c.aggregate_id = any ($1::uuid[])`,
  },
  {
    name: 'account-projector',
    type: Account,
    expected: accountRow as ComparedModel['expected'],
    sql: `select ${checkpoint}, a.version as "rowVersion", case when a.account_id is not null then jsonb_build_object(
        'available', trim_scale(a.available)::text, 'reserved', trim_scale(a.reserved)::text, 'reservations',
        (select coalesce(string_agg(r.key || ' ' || trim_scale((r.value ->> 'amount')::numeric), ', ' order by r.key collate "C"), '')
           from jsonb_each(a.reservations) r)) end as row
      from account_projector.checkpoints c left join account_projector.accounts a on a.account_id = c.aggregate_id
     where c.aggregate_id = any ($1::uuid[])`,
  },
  {
    name: 'position-projector',
    type: Account,
    expected: positionRows as ComparedModel['expected'],
    sql: `select ${checkpoint}, (select max(p.version) from position_projector.positions_held p where p.account_id = c.aggregate_id) as "rowVersion",
        jsonb_build_object('held', (
        select coalesce(string_agg(p.symbol || ' ' || trim_scale(p.quantity), ', ' order by p.symbol collate "C"), '')
          from position_projector.positions_held p where p.account_id = c.aggregate_id and p.quantity <> 0)) as row
      from position_projector.checkpoints c where c.aggregate_id = any ($1::uuid[])`,
  },
];

/** What a model holds for these aggregates; those it has never seen are left out. */
export const modelRows = async (database: Database, { sql }: ComparedModel, ids: readonly string[]): Promise<ModelRow[]> =>
  (await database.query(sql, [ids])) as unknown as ModelRow[];

/** An event that an account's feed should show but does not, or shows but should not. */
export interface FeedFault {
  readonly aggregateId: string;
  readonly detail: string;
}

const faultsAtOnce = 100;

/** Events among the last `depth` of these aggregates that the feed has seen but does not show. */
export async function missingInFeed(database: Database, ids: readonly string[], depth: number): Promise<FeedFault[]> {
  const rows = await database.query(
    `select c.aggregate_id::text as id, e.event_type || ' ' || e.event_id as event
       from feed_projector.checkpoints c join public.event_store e on e.aggregate_id = c.aggregate_id
        and e.aggregate_version <= c.version and e.aggregate_version > c.version - $3
      where c.aggregate_id = any ($1::uuid[]) and c.parked_version is null and e.event_type = any ($2)
        and (e.aggregate_type = 'Account' or e.metadata ? 'account')
        and not exists (select from feed_projector.feed_entries f where f.event_id = e.event_id)
      limit ${faultsAtOnce}`,
    [ids, [...feedTypes], depth],
  );
  return rows.map(({ id, event }) => ({ aggregateId: String(id), detail: `the feed has no entry for ${event}` }));
}

/**
 * Feeds of these accounts with a number missing or too many, or with an entry for an event that the store does not
 * hold.
 */
export async function brokenFeeds(database: Database, accounts: readonly string[]): Promise<FeedFault[]> {
  const rows = await database.query(
    `select f.account_id::text as id, count(*)::text as entries, max(f.sequence)::text as last, min(f.event_id::text) filter (where e.event_id is null) as foreign
       from feed_projector.feed_entries f left join public.event_store e on e.event_id = f.event_id
      where f.account_id = any ($1::uuid[]) group by 1 having count(*) <> max(f.sequence) or count(e.event_id) <> count(*)`,
    [accounts],
  );
  return rows.map(({ id, entries, last, foreign }) => ({
    aggregateId: String(id),
    detail:
      foreign === null
        ? `the feed has ${entries} entries, but its last number is ${last}`
        : `the feed shows event ${foreign}, which the store does not hold`,
  }));
}
