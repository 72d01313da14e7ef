import { createHash } from 'node:crypto';
import type { Database } from '../witnesses.ts';

/** A record by what it is given up by: the event's id, and its bytes. */
interface NamedRecord {
  readonly id: string;
  readonly value: string | Buffer;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The records without those that an operator gave up after a restore: they remain on their topic and are no facts. A
 * record with the same id and another value is one.
 */
export async function withoutGivenUp<Seen extends NamedRecord>(database: Database, records: readonly Seen[]): Promise<Seen[]> {
  const rows = await database.query(
    `select event_id::text as id, encode(digest, 'hex') as digest from public.forgotten_events where event_id = any ($1::uuid[])`,
    [records.map(({ id }) => id).filter((id) => uuid.test(id))],
  );
  const givenUp = Map.groupBy(rows, ({ id }) => String(id));
  return records.filter(({ id, value }) => {
    const digests = givenUp.get(id)?.map(({ digest }) => digest);
    return !digests?.includes(createHash('sha256').update(value).digest('hex'));
  });
}
