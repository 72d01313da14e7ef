import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { RecordedEvent } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import type { IncomingMessage } from '@tradecore/messaging';
import type { DeadLetter, EventRecord } from './batch-processor.ts';

const compared = [
  ...(['aggregateId', 'aggregateType', 'aggregateVersion', 'type', 'schemaVersion', 'data', 'time'] as const),
  ...(['correlationId', 'causationId', 'sagaId'] as const),
];

/** What folds and decisions see of an event. The trace is not compared: it is not a fact. */
const seenOf = (event: RecordedEvent): unknown[] => [
  ...compared.map((field) => event[field]),
  event.metadata.account,
  event.metadata.actor,
];

/** Whether the store holds exactly this event. No event from a topic counts before that is confirmed. */
export const isSame = (stored: RecordedEvent | undefined, event: RecordedEvent): boolean =>
  stored !== undefined && isDeepStrictEqual(seenOf(stored), seenOf(event));

/** The stored events with the ids of these events. One statement. */
export async function confirmed(tx: Transaction, events: readonly RecordedEvent[]): Promise<Map<string, RecordedEvent>> {
  const rows = (await tx.query(
    `select event_id as id, aggregate_id as "aggregateId", aggregate_type as "aggregateType", aggregate_version as "aggregateVersion",
            event_type as type, schema_version as "schemaVersion", event_data as data,
            to_char("timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time,
            correlation_id as "correlationId", causation_id as "causationId", saga_id as "sagaId", metadata
       from event_store where event_id = any($1::uuid[])`,
    [events.map(({ id }) => id)],
  )) as RecordedEvent[];
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * SQL: a CTE `confirmed` with a row for each event of parameter `$n` (`toConfirm`) that the store holds unchanged. Each
 * is looked up by its id (`offset 0` keeps the planner from a join): a plan made while the store was nearly empty read
 * all of it for each batch until the first ANALYZE, 13,700 events in 21 ms on a full machine.
 */
export const confirmedCte = (n: number): string => `
  confirmed as (
    select 1 from json_to_recordset($${n}::json) as e (id uuid, "aggregateId" uuid, "aggregateType" text, version int, type text,
        "schemaVersion" int, data jsonb, time timestamptz, "correlationId" uuid, "causationId" uuid, "sagaId" uuid, account text, actor text)
     cross join lateral (select * from event_store where event_id = e.id offset 0) s
     where s.aggregate_id = e."aggregateId" and s.aggregate_type = e."aggregateType"
       and s.aggregate_version = e.version and s.event_type = e.type and s.schema_version = e."schemaVersion"
       and s.event_data = e.data and s."timestamp" = e.time
       and (s.correlation_id, s.causation_id, s.saga_id, s.metadata->>'account', s.metadata->>'actor')
         is not distinct from (e."correlationId", e."causationId", e."sagaId", e.account, e.actor))`;

/** Events in the form that `confirmedCte` takes. */
export const toConfirm = (events: readonly RecordedEvent[]): string =>
  JSON.stringify(
    events.map(({ aggregateVersion: version, metadata: { account, actor }, ...event }) => ({
      ...event,
      version,
      account,
      actor,
    })),
  );

/**
 * The foreign ones among records that the store does not hold; events that an operator gave up after a restore are
 * passed over. Throws (SQLSTATE TC003) while the store may still take them back: it cannot be decided yet, and a record
 * passed over now would never be heard.
 */
export async function foreignAmong<T extends { readonly message: IncomingMessage }>(
  tx: Transaction,
  records: readonly T[],
  idOf: (record: T) => string,
): Promise<T[]> {
  if (records.length === 0) return [];
  const rows = (await tx.query('select id, digest from public.forgotten_among($1::uuid[])', [records.map(idOf)])) as {
    readonly id: string;
    readonly digest: string;
  }[];
  const forgotten = new Set(rows.map(({ id, digest }) => `${id} ${digest}`));
  const nameOf = (record: T): string =>
    `${idOf(record)} ${createHash('sha256')
      .update(record.message.value ?? '')
      .digest('hex')}`;
  return records.filter((record) => !forgotten.has(nameOf(record)));
}

/**
 * Throws like `foreignAmong`: a consumer that starts at the end of a log would never hear events that the store may
 * still take back.
 */
export async function mustBeSettled(tx: Transaction): Promise<void> {
  await tx.query(`select from public.forgotten_among('{}')`);
}

/** The detail for a record that the store does not hold. */
export const foreignDetail = ({ id, aggregateId, aggregateVersion }: RecordedEvent): string =>
  `the store holds no such event ${id} as version ${aggregateVersion} of ${aggregateId}`;

/** Such a record as a dead letter. */
export const foreignLetter = ({ event, message }: EventRecord): DeadLetter => ({
  message,
  note: { reason: 'foreign', detail: foreignDetail(event), attempts: 1 },
});
