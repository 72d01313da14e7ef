import type { Transaction } from '@tradecore/event-sourcing';
import type { Decisions } from './decisions.ts';
import type { Saga } from './saga.ts';

/** What every event of a saga carries on, for those that a deadline causes. */
export interface SagaOrigin {
  readonly correlationId: string;
  readonly account?: string | undefined;
  readonly actor?: string | undefined;
}

/** What is known of an open saga beside its events. */
export interface SagaRow {
  readonly sagaId: string;
  /** By aggregate: the last version that it heard of. */
  readonly heard: Readonly<Record<string, number>>;
  readonly origin: SagaOrigin;
  /** Its deadline has passed. */
  readonly isDue: boolean;
  readonly dueAt: string | null;
  readonly isStuck: boolean;
}

/** An open saga as it is to be written. */
type OpenSaga = Pick<SagaRow, 'sagaId' | 'heard' | 'origin' | 'isStuck'> & { readonly dueAt: string | undefined };

/** What is known of some sagas. */
export interface KnownSagas {
  /** The open ones, by id. */
  readonly rows: ReadonlyMap<string, SagaRow>;
  /** The parked ones. */
  readonly parked: readonly string[];
}

/** Read after their heads are locked. `now`: the database's, as `loadLocked` told. */
export async function readSagas(tx: Transaction, schema: string, sagaIds: readonly string[], now: string): Promise<KnownSagas> {
  const rows = (await tx.query(
    `select i.id as "sagaId", o.heard, o.origin, coalesce(o.due_at <= $2::timestamptz, false) as "isDue",
            to_char(o.due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "dueAt",
            o.saga_id is not null as "isOpen", o.stuck as "isStuck", exists (select from ${schema}.parked_messages h where h.target_id = i.id) as "isParked"
       from unnest($1::uuid[]) i (id) left join ${schema}.open_sagas o on o.saga_id = i.id`,
    [sagaIds, now],
  )) as (SagaRow & { readonly isOpen: boolean; readonly isParked: boolean })[];
  return {
    rows: new Map(rows.filter(({ isOpen }) => isOpen).map((row) => [row.sagaId, row])),
    parked: rows.filter(({ isParked }) => isParked).map(({ sagaId }) => sagaId),
  };
}

/** Writes the rows of sagas as these decisions leave them; resolves with those that are stuck from now on. */
export async function keepSagas(
  tx: Transaction,
  schema: string,
  decisions: Decisions,
  touched: readonly Pick<SagaRow, 'sagaId' | 'heard' | 'origin' | 'isStuck'>[],
): Promise<readonly string[]> {
  const open: OpenSaga[] = [];
  const ended: string[] = [];
  const stuck: string[] = [];
  for (const { sagaId, heard, origin, isStuck: wasStuck } of touched) {
    const { version, isEnded, isStuck, dueAt } = decisions.aggregate(sagaId) as Saga;
    if (version === 0) continue;
    if (isEnded) ended.push(sagaId);
    else open.push({ sagaId, heard, origin, dueAt, isStuck });
    if (isStuck && !wasStuck) stuck.push(sagaId);
  }
  await writeSagas(tx, schema, open, ended);
  return stuck;
}

/** Writes the open ones and forgets the ended. */
async function writeSagas(tx: Transaction, schema: string, open: readonly OpenSaga[], ended: readonly string[]): Promise<void> {
  if (open.length + ended.length === 0) return;
  await tx.query(
    `with gone as (delete from ${schema}.open_sagas where saga_id = any($2::uuid[]))
     insert into ${schema}.open_sagas (saga_id, due_at, heard, origin, stuck)
     select "sagaId", "dueAt", heard, origin, "isStuck"
       from jsonb_to_recordset($1::jsonb) as ("sagaId" uuid, "dueAt" timestamptz, heard jsonb, origin jsonb, "isStuck" boolean) order by 1
     on conflict (saga_id) do update set due_at = excluded.due_at, heard = excluded.heard, stuck = excluded.stuck`,
    [JSON.stringify(open), ended],
  );
}

/** Takes the deadlines of parked sagas away: they wait until the saga is redriven. */
export async function suspend(tx: Transaction, schema: string, sagaIds: readonly string[]): Promise<void> {
  await tx.query(`update ${schema}.open_sagas set due_at = null where saga_id = any($1::uuid[])`, [sagaIds]);
}

/**
 * Sagas whose deadline has passed, the longest first; without a lock. An index scan that ends at the first deadline ahead: the time is that of the
 * statement, for an index can't be searched by clock_timestamp(), which would be asked for each of 100,000 rows.
 */
export const dueSql = (schema: string): string =>
  `select saga_id as "sagaId" from ${schema}.open_sagas where due_at <= statement_timestamp() order by due_at limit $1`;

/** Milliseconds until the next deadline; null when there is none. */
export const nextDueSql = (schema: string): string =>
  `select extract(epoch from due_at - clock_timestamp())::float8 * 1000 as "inMs" from ${schema}.open_sagas
    where due_at is not null order by due_at limit 1`;

/** How many deadlines there are, how many of them passed a second ago and were not heard, and how many sagas are stuck. */
export const countSql = (schema: string): string =>
  `select (select count(*) from ${schema}.open_sagas where due_at is not null)::int as open,
          (select count(*) from ${schema}.open_sagas where due_at < statement_timestamp() - interval '1 s')::int as late,
          (select count(*) from ${schema}.open_sagas where stuck)::int as stuck`;
