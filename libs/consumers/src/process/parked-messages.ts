import type { Transaction } from '@tradecore/event-sourcing';

/** Who asks and who is asked: what one is held, the others of the same pair wait behind. For a saga itself both are the saga. */
export interface Pair {
  readonly sagaId: string;
  readonly targetId: string;
}

/** Something that is held: an event, or (null) a deadline of the saga. With a reason it is what failed, without it waits behind that. */
export interface ParkedMessage extends Pair {
  readonly eventId: string | null;
  readonly reason?: string | undefined;
}

export const pairKey = ({ sagaId, targetId }: Pair): string => `${sagaId}/${targetId}`;

/** The pairs of which something is held, by `pairKey`. Read after the aggregates asked are locked. */
export async function parkedPairs(tx: Transaction, schema: string, targetIds: readonly string[]): Promise<Set<string>> {
  const rows = (await tx.query(
    `select distinct saga_id as "sagaId", target_id as "targetId" from ${schema}.parked_messages where target_id = any($1::uuid[])`,
    [targetIds],
  )) as Pair[];
  return new Set(rows.map((row) => pairKey(row)));
}

/** Holds these, in order. An event that is held already stays where it is. */
export async function hold(tx: Transaction, schema: string, items: readonly ParkedMessage[]): Promise<void> {
  if (items.length === 0) return;
  await tx.query(
    `insert into ${schema}.parked_messages (saga_id, target_id, event_id, reason)
     select saga_id, target_id, event_id, reason
       from rows from (jsonb_to_recordset($1::jsonb) as (saga_id uuid, target_id uuid, event_id uuid, reason text)) with ordinality i
      order by ordinality
     on conflict (event_id) do nothing`,
    [
      JSON.stringify(
        items.map(({ sagaId, targetId, eventId, reason }) => ({
          saga_id: sagaId,
          target_id: targetId,
          event_id: eventId,
          reason: reason ?? null,
        })),
      ),
    ],
  );
}

/** The pairs that operators marked, and those where nothing is parked any more that the others could wait for; at most 100. */
export async function pairsToRedrive(connection: Transaction, schema: string): Promise<Pair[]> {
  return (await connection.query(
    `select distinct saga_id as "sagaId", target_id as "targetId" from ${schema}.parked_messages h
      where redrive or not exists (
        select from ${schema}.parked_messages f where (f.saga_id, f.target_id) = (h.saga_id, h.target_id) and f.reason is not null)
      limit 100`,
  )) as Pair[];
}

/** What is held of a pair, in order; the aggregate asked must be locked. */
export async function parkedMessages(
  tx: Transaction,
  schema: string,
  { sagaId, targetId }: Pair,
): Promise<{ eventId: string | null }[]> {
  return (await tx.query(
    `select event_id as "eventId" from ${schema}.parked_messages where saga_id = $1 and target_id = $2 order by n limit 1000`,
    [sagaId, targetId],
  )) as { eventId: string | null }[];
}

/**
 * Frees the first `done` items of a pair. With a `reason` the one that is first now failed again and waits for the next word; without, what is
 * left (there were more than one look takes) is tried in the next.
 */
export async function settleParked(
  tx: Transaction,
  schema: string,
  { sagaId, targetId }: Pair,
  { done, reason }: { readonly done: number; readonly reason: string | undefined },
): Promise<void> {
  const first = `select n from ${schema}.parked_messages where saga_id = $1 and target_id = $2 order by n`;
  await tx.query(`delete from ${schema}.parked_messages where n in (${first} limit $3)`, [sagaId, targetId, done]);
  if (reason === undefined) return;
  await tx.query(`update ${schema}.parked_messages set redrive = false where saga_id = $1 and target_id = $2`, [
    sagaId,
    targetId,
  ]);
  await tx.query(`update ${schema}.parked_messages set reason = $3 where n in (${first} limit 1)`, [sagaId, targetId, reason]);
}

/** What was held for an event that the process before did not know is tried again by the one that starts now. */
export async function redriveUnknown(connection: Transaction, schema: string): Promise<void> {
  await connection.query(`update ${schema}.parked_messages set redrive = true where reason like 'unknown-event:%'`);
}
