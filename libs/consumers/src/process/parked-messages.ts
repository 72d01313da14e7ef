import type { Transaction } from '@tradecore/event-sourcing';
import type { RecordedEvent } from '@tradecore/events';
import { logger, runInContext } from '@tradecore/telemetry';
import { comparedTo } from '../offsets/release.ts';
import { causedBy } from './caused-by.ts';

const log = logger('consumers');

/**
 * The asking saga and the aggregate it asks: messages of a pair wait behind its first parked one. For a process itself
 * both are the saga.
 */
export interface Pair {
  readonly sagaId: string;
  readonly targetId: string;
}

/**
 * A parked event, or (null) a deadline of the saga. With a reason: it failed. Without: it waits behind the one that
 * failed.
 */
export interface ParkedMessage extends Pair {
  readonly eventId: string | null;
  readonly reason?: string | undefined;
  /** The event itself, for the log. */
  readonly event?: RecordedEvent;
}

/** Logs what an operator has to look at, with the ids of what the event concerns; what only waits behind it is silent. */
export function tellParked(consumer: string, messages: readonly ParkedMessage[]): void {
  for (const { event, reason, ...message } of messages) {
    if (reason === undefined) continue;
    const tell = (): void =>
      log.error({ consumer, ...message, reason }, 'parked: later messages wait behind it; see the view parked, then redrive');
    if (event) runInContext(causedBy(event, message.sagaId), tell);
    else tell();
  }
}

/** Whose parked messages: the consumer's schema, and the running release. */
export interface ParkedIn {
  readonly schema: string;
  readonly release: string;
}

export const pairKey = ({ sagaId, targetId }: Pair): string => `${sagaId}/${targetId}`;

/** The pairs with parked messages, by `pairKey`. */
export async function parkedPairs(tx: Transaction, schema: string, targetIds: readonly string[]): Promise<Set<string>> {
  const rows = (await tx.query(
    `select distinct saga_id as "sagaId", target_id as "targetId" from ${schema}.parked_messages where target_id = any($1::uuid[])`,
    [targetIds],
  )) as Pair[];
  return new Set(rows.map((row) => pairKey(row)));
}

/** Parks these in order. An event that is already parked keeps its place. */
export async function park(tx: Transaction, { schema, release }: ParkedIn, messages: readonly ParkedMessage[]): Promise<void> {
  if (messages.length === 0) return;
  const rows = messages.map(({ sagaId, targetId, eventId, reason = null }) => ({ sagaId, targetId, eventId, reason }));
  await tx.query(
    `insert into ${schema}.parked_messages (saga_id, target_id, event_id, reason, release)
     select "sagaId", "targetId", "eventId", reason, $2
       from rows from (jsonb_to_recordset($1::jsonb) as ("sagaId" uuid, "targetId" uuid, "eventId" uuid, reason text)) with ordinality m
      order by ordinality
     on conflict (event_id) do nothing`,
    [JSON.stringify(rows), release],
  );
}

/**
 * The pairs that this release retries: those marked by operators, those parked by an older release, which it takes
 * over, and those whose messages have nothing left to wait for; but no pair for which a newer release has parked
 * anything. At most 100.
 */
export async function pairsToRedrive(connection: Transaction, { schema, release }: ParkedIn): Promise<Pair[]> {
  const releases = (await connection.query(`select distinct release from ${schema}.parked_messages`)) as { release: string }[];
  const { older, newer } = comparedTo(release, releases);
  if (older.length > 0) await takeOver(connection, { schema, release }, older);
  return (await connection.query(
    `select distinct saga_id as "sagaId", target_id as "targetId" from ${schema}.parked_messages m
      where (redrive or not exists (
              select from ${schema}.parked_messages f where (f.saga_id, f.target_id) = (m.saga_id, m.target_id) and f.reason is not null))
        and not exists (
              select from ${schema}.parked_messages f where (f.saga_id, f.target_id) = (m.saga_id, m.target_id) and f.release = any($1))
      limit 100`,
    [newer],
  )) as Pair[];
}

/**
 * Marks rows as an operator would, and takes them over: instances of the older release, which run on for a while, leave
 * them alone.
 */
async function takeOver(connection: Transaction, { schema, release }: ParkedIn, older: readonly string[]): Promise<void> {
  await connection.query(
    `update ${schema}.parked_messages m set release = $1, redrive = true
      where release = any($2) and exists (
        select from ${schema}.parked_messages f
         where (f.saga_id, f.target_id) = (m.saga_id, m.target_id) and f.reason is not null and f.release = any($2))`,
    [release, older],
  );
}

/** The next parked message of a pair. */
export interface NextParked {
  readonly n: string;
  readonly eventId: string | null;
  readonly release: string;
}

/** The next parked message of a pair. */
export async function peekParked(tx: Transaction, schema: string, { sagaId, targetId }: Pair): Promise<NextParked | undefined> {
  const [row] = (await tx.query(
    `select n, event_id as "eventId", release from ${schema}.parked_messages where saga_id = $1 and target_id = $2 order by n limit 1`,
    [sagaId, targetId],
  )) as NextParked[];
  return row;
}

/**
 * Locks a pair for one redrive at a time, until the transaction ends, and reads its next message. `busy`: another
 * instance redrives it; `undefined`: nothing is left.
 */
export async function nextParked(tx: Transaction, schema: string, pair: Pair): Promise<NextParked | 'busy' | undefined> {
  const [lock] = (await tx.query(`select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as "isOurs"`, [
    `${schema} ${pairKey(pair)}`,
  ])) as { isOurs: boolean }[];
  return lock?.isOurs ? peekParked(tx, schema, pair) : 'busy';
}

/** Removes a message that was handled. */
export async function unpark(tx: Transaction, schema: string, { n }: NextParked): Promise<void> {
  await tx.query(`delete from ${schema}.parked_messages where n = $1`, [n]);
}

/** A message failed again: it waits for the next request. */
export async function parkAgain(
  tx: Transaction,
  { schema, release }: ParkedIn,
  pair: Pair,
  { n, reason }: { n: string; reason: string },
): Promise<void> {
  await tx.query(
    `update ${schema}.parked_messages set redrive = false, release = $5, reason = case when n = $3 then $4 else reason end
      where saga_id = $1 and target_id = $2`,
    [pair.sagaId, pair.targetId, n, reason, release],
  );
}
