import type { ComparedEvent } from '@tradecore/checks';
import type { Transaction } from '@tradecore/event-sourcing';

/** An event of the store, and the topic that it must be on. */
export interface StoredEvent extends ComparedEvent {
  readonly topic: string;
  readonly aggregateType: string;
  readonly position: string;
}

/** Where the relay is. */
export interface RelayPlace {
  /** Each event up to this position is on its topic. */
  readonly floor: bigint;
  /** The last position that was drawn. */
  readonly drawn: bigint;
  /** The database's time, RFC 3339, microseconds. */
  readonly now: string;
}

const columns = `e.event_id as id, e.aggregate_id as "aggregateId", e.aggregate_version as "aggregateVersion", e.event_type as type,
  e.event_data::text as value, to_char(e."timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time,
  e.aggregate_type as "aggregateType", e.position::text, t.topic
  from public.event_store e join public.aggregate_types t on t.aggregate_type = e.aggregate_type`;

/** How far the relay is: its floor first, then what was drawn, then the time. */
export async function relayPlace(database: Transaction): Promise<RelayPlace> {
  const [relay] = (await database.query('select floor::text from outbox_relay where shard = 0')) as { floor: string }[];
  const [drawn] = (await database.query(
    `select (last_value - (not is_called)::int)::text as drawn,
            to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as now from event_position`,
  )) as { drawn: string; now: string }[];
  if (!relay || !drawn) throw new Error('the relay has no row');
  return { floor: BigInt(relay.floor), drawn: BigInt(drawn.drawn), now: drawn.now };
}

/** The events behind one position, up to another. */
export const storedBetween = async (database: Transaction, after: bigint, to: bigint): Promise<StoredEvent[]> =>
  (await database.query(`select ${columns} where e.position > $1 and e.position <= $2`, [
    String(after),
    String(to),
  ])) as StoredEvent[];

/** A stretch of time of one topic. */
export interface Stretch {
  readonly topic: string;
  /** Milliseconds since 1970; `to` is not in it. */
  readonly from: number;
  readonly to: number;
  /** Positions that count: behind `after`, up to `position`. */
  readonly after: bigint;
  readonly position: bigint;
}

/** The events of a topic by their own time, as they stand now. */
export const storedWithin = async (
  database: Transaction,
  { topic, from, to, after, position }: Stretch,
): Promise<StoredEvent[]> =>
  (await database.query(
    `select ${columns} where e.aggregate_type = any (array(select a.aggregate_type from public.aggregate_types a where a.topic = $1))
        and e."timestamp" >= $2 and e."timestamp" < $3 and e.position > $4 and e.position <= $5`,
    [topic, new Date(from), new Date(to), String(after), String(position)],
  )) as StoredEvent[];

/** Those of these ids that the store holds. */
export const storedById = async (database: Transaction, ids: readonly string[]): Promise<StoredEvent[]> =>
  ids.length === 0
    ? []
    : ((await database.query(`select ${columns} where e.event_id = any ($1::uuid[])`, [ids])) as StoredEvent[]);
