/** What operators have decided, as far as it explains a difference between store and topics; and nothing else. */
import { isUuid } from '@tradecore/events';
import type { Database } from './witnesses.ts';

/** A record of a topic: where it is, and which event it says it is. */
export interface PlacedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** The event's id, if the record has one. */
  readonly id: string;
}

const placeOf = ({ id, topic, partition, offset }: PlacedRecord): string => `${id} ${topic} ${partition}@${offset}`;

/**
 * These records without those that a `relay resume` gave up: a restored store does not hold their events, or holds them
 * otherwise. By place: a copy elsewhere is not explained, nor a later event with the same id.
 */
export async function withoutGivenUp<T extends PlacedRecord>(database: Database, records: readonly T[]): Promise<T[]> {
  const ids = records.map(({ id }) => id).filter(isUuid);
  if (ids.length === 0) return [...records];
  const rows = (await database.query(
    `select event_id::text as id, topic, partition, "offset"::text from forgotten_events where event_id = any ($1::uuid[])`,
    [ids],
  )) as unknown as (Omit<PlacedRecord, 'offset'> & { offset: string })[];
  const givenUp = new Set(rows.map((row) => placeOf({ ...row, offset: BigInt(row.offset) })));
  return records.filter((record) => !givenUp.has(placeOf(record)));
}

/**
 * Those of these events that a `relay resume` published behind a later version of their aggregate: they alone are out of
 * order on their topic.
 */
export async function publishedLate(database: Database, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await database.query('select l.id::text from resumptions r, unnest(r.late) l (id) where l.id = any ($1::uuid[])', [
    ids.filter(isUuid),
  ]);
  return new Set(rows.map(({ id }) => String(id)));
}

/**
 * RFC 3339: what was stored before it is not on the topics, because their log was lost and the relay was resumed on
 * another; undefined where that never was.
 */
export async function logBegan(database: Database): Promise<string | undefined> {
  const [row] = await database.query(
    `select to_char(max(since) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as since from resumptions
      where position is null and halted_reason->>'batch' <> '0'`,
  );
  return row?.['since'] === null ? undefined : String(row?.['since']);
}

/**
 * Whether store and topics can be held against each other now: not while the store is closed, or stands on a server or
 * timeline that no relay has compared with the topics. What they hold beyond each other is then still to be decided.
 */
export async function isSettled(database: Database): Promise<boolean> {
  try {
    await database.query(`select from forgotten_among('{}')`);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'TC003') return false;
    throw error;
  }
}
