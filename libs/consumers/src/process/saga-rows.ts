import type { Transaction } from '@tradecore/event-sourcing';

/** What every event of a saga carries over, for events caused by a deadline. */
export interface SagaOrigin {
  readonly correlationId: string;
  readonly account?: string | undefined;
  readonly actor?: string | undefined;
}

/** What is known of an open saga in addition to its events. */
export interface SagaRow {
  readonly sagaId: string;
  /** Its aggregates, in the order of the process's classes; the last is its own. */
  readonly aggregateIds: readonly string[];
  /** By aggregate: the last version that it heard. */
  readonly heard: Readonly<Record<string, number>>;
  readonly origin: SagaOrigin;
  /** Its deadline; null: none, or it waits on without one. */
  readonly dueAt: string | null;
  readonly isStuck: boolean;
  /** Incremented by each change: a writer must have read the latest one. */
  readonly revision: number;
}

/**
 * A row to be written; `revision`: that of the row it replaces, 0 when there is none. `isEnded`: the row is deleted.
 */
export type SagaChange = SagaRow & { readonly isEnded: boolean };

/** What is known of some sagas. */
export interface KnownSagas {
  /** The open ones, by id. */
  readonly rows: ReadonlyMap<string, SagaRow>;
  /** The parked ones. */
  readonly parked: readonly string[];
}

const time = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** The rows of these sagas, and which of them are parked. */
export async function readSagas(tx: Transaction, schema: string, sagaIds: readonly string[]): Promise<KnownSagas> {
  if (sagaIds.length === 0) return { rows: new Map(), parked: [] };
  const rows = (await tx.query(
    `select i.id as "sagaId", o.aggregate_ids as "aggregateIds", o.heard, o.origin, ${time('o.due_at')} as "dueAt",
            o.stuck as "isStuck", coalesce(o.revision, 0) as revision,
            exists (select from ${schema}.parked_messages p where p.target_id = i.id and p.saga_id = i.id) as "isParked"
       from unnest($1::uuid[]) i (id) left join ${schema}.open_sagas o on o.saga_id = i.id`,
    [sagaIds],
  )) as (SagaRow & { readonly isParked: boolean })[];
  return {
    rows: new Map(rows.filter(({ revision }) => revision > 0).map(({ isParked: _, ...row }) => [row.sagaId, row])),
    parked: rows.filter(({ isParked }) => isParked).map(({ sagaId }) => sagaId),
  };
}

/**
 * SQL and parameters that write the rows of sagas. Raises `serialization_failure` where a row is not the one that was
 * read. Rows are locked in order, so that two writers never deadlock.
 */
export function writeSagas(schema: string, changes: readonly SagaChange[]): [sql: string, parameters: unknown[]] {
  const sql = `
    with given as materialized (
      select * from jsonb_to_recordset($1::jsonb) as (
        "sagaId" uuid, "aggregateIds" uuid[], "dueAt" timestamptz, heard jsonb, origin jsonb, "isStuck" boolean, revision int, "isEnded" boolean)),
    locked as materialized (
      select o.saga_id from ${schema}.open_sagas o join given g on g."sagaId" = o.saga_id and g.revision = o.revision
       order by o.saga_id for update of o),
    gone as (
      delete from ${schema}.open_sagas o using given g
       where g."isEnded" and o.saga_id = g."sagaId" and o.saga_id in (select l.saga_id from locked l) returning 1),
    changed as (
      update ${schema}.open_sagas o
         set due_at = g."dueAt", heard = g.heard, stuck = g."isStuck", aggregate_ids = g."aggregateIds", revision = o.revision + 1
        from given g where not g."isEnded" and o.saga_id = g."sagaId" and o.saga_id in (select l.saga_id from locked l) returning 1),
    made as (
      insert into ${schema}.open_sagas (saga_id, aggregate_ids, due_at, heard, origin, stuck)
      select "sagaId", "aggregateIds", "dueAt", heard, origin, "isStuck" from given where revision = 0 order by 1
      on conflict do nothing returning 1)
    select ${schema}.must_be_all((select count(*) from given),
      (select count(*) from gone) + (select count(*) from changed) + (select count(*) from made))`;
  return [sql, [JSON.stringify(changes)]];
}

/** Postpones the deadline of due sagas whose step has not been sent yet. */
export async function postpone(
  connection: Transaction,
  schema: string,
  sagaIds: readonly string[],
  seconds: number,
): Promise<void> {
  await connection.query(
    `update ${schema}.open_sagas set due_at = clock_timestamp() + $2 * interval '1 s', revision = revision + 1
      where saga_id = any($1::uuid[]) and due_at <= statement_timestamp()`,
    [sagaIds, seconds],
  );
}

/** Removes the deadlines of parked sagas: they wait until the saga is redriven. */
export async function suspend(tx: Transaction, schema: string, sagaIds: readonly string[]): Promise<void> {
  await tx.query(`update ${schema}.open_sagas set due_at = null, revision = revision + 1 where saga_id = any($1::uuid[])`, [
    sagaIds,
  ]);
}

/**
 * SQL that makes the deadline of a saga ($1) with nothing left parked due: it is then set again from the saga's state.
 */
export const restoreSql = (schema: string): string =>
  `update ${schema}.open_sagas set due_at = clock_timestamp(), revision = revision + 1
    where saga_id = $1 and due_at is null
      and not exists (select from ${schema}.parked_messages p where p.saga_id = $1 and p.target_id = $1)`;

/** Those of these sagas whose last event is still in the outbox, so not sent yet. */
export async function unsentSagas(connection: Transaction, sagaIds: readonly string[]): Promise<string[]> {
  const rows = (await connection.query(
    `select h.aggregate_id as id from unnest($1::uuid[]) i (id)
       join stream_heads h on h.aggregate_id = i.id
       join event_store e on e.aggregate_id = h.aggregate_id and e.aggregate_version = h.version
       join event_outbox o on o.seq = e.position`,
    [sagaIds],
  )) as { id: string }[];
  return rows.map(({ id }) => id);
}

/** The stored versions of these aggregates. */
export async function headsOf(connection: Transaction, aggregateIds: readonly string[]): Promise<Map<string, number>> {
  const rows = (await connection.query(
    `select aggregate_id as id, version from stream_heads where aggregate_id = any($1::uuid[])`,
    [aggregateIds],
  )) as { id: string; version: number }[];
  return new Map(rows.map(({ id, version }) => [id, version]));
}

/**
 * Sagas whose deadline has passed or passes within $2 ms, the longest overdue first; without a lock. An index scan that
 * ends at the first pending deadline: it uses statement_timestamp(), because an index cannot be searched by
 * clock_timestamp(), which would be called for each of 100,000 rows.
 */
export const dueSql = (schema: string): string =>
  `select saga_id as "sagaId", extract(epoch from due_at - statement_timestamp())::float8 * 1000 as "inMs" from ${schema}.open_sagas
    where due_at <= statement_timestamp() + $2 * interval '1 ms' order by due_at limit $1`;

/** How many deadlines there are, how many passed a second ago and are not handled, and how many sagas are stuck. */
export const countSql = (schema: string): string =>
  `select (select count(*) from ${schema}.open_sagas where due_at is not null)::int as open,
          (select count(*) from ${schema}.open_sagas where due_at < statement_timestamp() - interval '1 s')::int as late,
          (select count(*) from ${schema}.open_sagas where stuck)::int as stuck`;
