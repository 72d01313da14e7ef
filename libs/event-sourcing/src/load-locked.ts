import type { RecordedEvent } from '@tradecore/events';

/** The call of the function of migration 4. */
export const loadLockedSql = `select number, id, aggregate_id, aggregate_type, version, type, schema_version, data, at, correlation_id, causation_id,
    saga_id, metadata
  from public.load_locked($1::uuid[], $2::text[], $3::int[], $4::uuid[], $5::uuid[], $6::int, $7::int)`;

/** A row of it: see there. */
export interface LoadedRow {
  readonly number: number;
  readonly id: string | null;
  readonly aggregate_id: string;
  readonly aggregate_type: string;
  readonly version: number;
  readonly type: string;
  readonly schema_version: number;
  readonly data: object;
  readonly at: string;
  readonly correlation_id: string | null;
  readonly causation_id: string | null;
  readonly saga_id: string | null;
  readonly metadata: RecordedEvent['metadata'];
}

/** A row with an id is an event. */
export const toRecorded = (row: LoadedRow & { readonly id: string }): RecordedEvent => ({
  id: row.id,
  aggregateId: row.aggregate_id,
  aggregateType: row.aggregate_type,
  aggregateVersion: row.version,
  type: row.type,
  schemaVersion: row.schema_version,
  data: row.data,
  time: row.at,
  correlationId: row.correlation_id,
  causationId: row.causation_id,
  sagaId: row.saga_id,
  metadata: row.metadata,
});

/** Whether a row is an event. */
export const isEvent = (row: LoadedRow): row is LoadedRow & { readonly id: string } => row.id !== null;
