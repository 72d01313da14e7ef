import { escapeLiteral } from 'pg';
import type { ReadAllOptions } from '../store/event-store.ts';

/** The columns of `event_store e` as a `RecordedEvent`. */
const recordedColumns = `e.event_id as id, e.aggregate_id as "aggregateId", e.aggregate_type as "aggregateType",
  e.aggregate_version as "aggregateVersion", e.event_type as type, e.schema_version as "schemaVersion", e.event_data as data,
  to_char(e."timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time,
  e.correlation_id as "correlationId", e.causation_id as "causationId", e.saga_id as "sagaId", e.metadata`;

/** $1 aggregate, $2 from, $3 to, $4 limit, $5 not after this time or null. */
export const readEventsSql = `select ${recordedColumns} from public.event_store e
  where e.aggregate_id = $1 and e.aggregate_version between $2 and $3 and ($5::timestamptz is null or e."timestamp" <= $5)
  order by e.aggregate_version limit $4`;

/**
 * $1 first ids of decisions, $2 maximum events per decision: what each decision stored in the aggregate of its first
 * event. The events of a save have one time; other decisions in the same save have another origin.
 */
export const readDecisionsSql = `select ${recordedColumns} from unnest($1::uuid[]) with ordinality i (id, n)
  join public.event_store f on f.event_id = i.id
  join public.event_store e on e.aggregate_id = f.aggregate_id
    and e.aggregate_version between f.aggregate_version and f.aggregate_version + $2 - 1 and e."timestamp" = f."timestamp"
    and (e.correlation_id, e.causation_id, e.saga_id) is not distinct from (f.correlation_id, f.causation_id, f.saga_id)
    and e.metadata = f.metadata
  order by i.n, e.aggregate_version`;

/**
 * A cursor uses the snapshot of its declaration. Time and position rise together within an aggregate; the index on time
 * gives the order.
 */
export const declareReadAllSql = ({ types, since }: Pick<ReadAllOptions, 'types' | 'since'>): string => {
  const filters = [
    ...(types ? [`e.aggregate_type = any (array[${types.map((type) => escapeLiteral(type)).join(',')}]::text[])`] : []),
    ...(since === undefined ? [] : [`e."timestamp" >= ${escapeLiteral(since)}::timestamptz`]),
  ];
  return `declare tradecore_read_all no scroll cursor for select ${recordedColumns} from public.event_store e
    ${filters.length === 0 ? '' : `where ${filters.join(' and ')}`} order by e."timestamp", e.position`;
};
