import { Buckets, DeliveryOrder, type Bucket } from '@tradecore/checks';
import type { Transaction } from '@tradecore/event-sourcing';
import { partitionKey, partitionOf, type AssignedPartition, type TopicPartition } from '@tradecore/messaging';
import type { EntityManager } from 'typeorm';

/** How far one partition is read, in which log. */
export interface ReadOffset {
  next: bigint;
  readonly topicId: string | undefined;
}

/** How far store and topics are read, and what is not compared yet. All of it is rows, written in one transaction. */
export interface Progress {
  /** The store is read up to here. */
  position: bigint;
  /** RFC 3339, microseconds: what is older is not compared. */
  since: string;
  /** By `partitionKey`. */
  readonly offsets: Map<string, ReadOffset>;
  readonly buckets: Buckets;
  readonly order: DeliveryOrder;
}

/** Nothing is compared from before `since`. */
export const emptyProgress = (position: bigint, since: string): Progress => ({
  position,
  since,
  offsets: new Map(),
  buckets: new Buckets(),
  order: new DeliveryOrder(),
});

/** Why it can't go on where it is; undefined when it can. */
export function whyNotHere(
  { offsets }: Progress,
  partitions: readonly AssignedPartition[],
  topicIds: ReadonlyMap<string, string>,
): string | undefined {
  for (const { topic, partition, startOffset, endOffset } of partitions) {
    const key = partitionKey({ topic, partition });
    const { next, topicId } = offsets.get(key) ?? { next: 0n, topicId: undefined };
    const id = topicIds.get(topic);
    if (topicId !== undefined && id !== undefined && id !== topicId) return `${key} is another log: its topic was made anew`;
    if (next > endOffset) return `${key} ends at ${endOffset}, it was read up to ${next}: another log`;
    if (next < startOffset) return `${key} begins at ${startOffset}, it was read up to ${next}`;
  }
  return undefined;
}

interface BucketRow {
  readonly topic: string;
  readonly at: Date;
  readonly after_position: string;
  readonly stored_count: number;
  readonly stored_sum: string;
  readonly seen_count: number;
  readonly seen_sum: string;
  readonly ranges: Readonly<Record<string, readonly [string, string]>>;
  readonly disordered: readonly string[];
}

/** What an earlier leader left; undefined when there was none. */
export async function loadProgress(database: Transaction): Promise<Progress | undefined> {
  const [lead] = (await database.query(
    `select position::text, to_char(since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as since from reconciler.lead`,
  )) as { position: string | null; since: string }[];
  if (!lead || lead.position === null) return undefined;
  const offsets = (await database.query(
    'select topic, partition, next_offset::text as next, topic_id as "topicId" from reconciler.offsets',
  )) as (TopicPartition & { next: string; topicId: string | null })[];
  const buckets = (await database.query('select * from reconciler.buckets')) as BucketRow[];
  return {
    position: BigInt(lead.position),
    since: lead.since,
    offsets: new Map(offsets.map((row) => [partitionKey(row), { next: BigInt(row.next), topicId: row.topicId ?? undefined }])),
    buckets: new Buckets(buckets.map(toBucket)),
    order: new DeliveryOrder(),
  };
}

/** Changed now, by this process's clock: another one's says nothing about how long it has been quiet. */
const toBucket = (row: BucketRow): Bucket => ({
  topic: row.topic,
  at: row.at.getTime(),
  after: BigInt(row.after_position),
  stored: { count: row.stored_count, sum: BigInt(row.stored_sum) },
  seen: { count: row.seen_count, sum: BigInt(row.seen_sum) },
  ranges: new Map(
    Object.entries(row.ranges).map(([partition, [first, last]]) => [Number(partition), [BigInt(first), BigInt(last)]]),
  ),
  disordered: new Set(row.disordered),
  changedAt: Date.now(),
});

/** Writes what has changed; `anew`: everything else goes. */
export async function saveProgress(tx: EntityManager, progress: Progress, anew = false): Promise<void> {
  const { position, since, offsets, buckets } = progress;
  if (anew) {
    await tx.query('delete from reconciler.offsets');
    await tx.query('delete from reconciler.buckets');
  }
  await tx.query('update reconciler.lead set position = $1, since = $2', [String(position), since]);
  await tx.query(
    `insert into reconciler.offsets as o (topic, partition, next_offset, topic_id)
     select topic, partition, next, "topicId" from jsonb_to_recordset($1::jsonb) as r (topic text, partition int, next bigint, "topicId" text)
     on conflict (topic, partition) do update set next_offset = excluded.next_offset, topic_id = excluded.topic_id
      where o.next_offset <> excluded.next_offset or o.topic_id is distinct from excluded.topic_id`,
    [JSON.stringify([...offsets].map(([key, { next, topicId }]) => ({ ...partitionOf(key), next: String(next), topicId })))],
  );
  const { changed, closed } = buckets.takeChanges();
  if (closed.length > 0) {
    await tx.query(
      `delete from reconciler.buckets b using jsonb_to_recordset($1::jsonb) as c (topic text, at bigint)
        where b.topic = c.topic and b.at = to_timestamp(c.at / 1000.0)`,
      [JSON.stringify(closed)],
    );
  }
  if (changed.length > 0) await tx.query(upsertBuckets, [JSON.stringify(changed.map(toRow))]);
}

const upsertBuckets = `
  insert into reconciler.buckets (topic, at, after_position, stored_count, stored_sum, seen_count, seen_sum, ranges, disordered)
  select topic, to_timestamp(at / 1000.0), after_position, stored_count, stored_sum, seen_count, seen_sum, ranges, disordered
    from jsonb_to_recordset($1::jsonb) as b (topic text, at bigint, after_position bigint, stored_count int, stored_sum numeric, seen_count int, seen_sum numeric,
         ranges jsonb, disordered jsonb)
  on conflict (topic, at) do update set stored_count = excluded.stored_count, stored_sum = excluded.stored_sum,
    seen_count = excluded.seen_count, seen_sum = excluded.seen_sum, ranges = excluded.ranges, disordered = excluded.disordered`;

const toRow = ({ topic, at, after, stored, seen, ranges, disordered }: Bucket): object => ({
  topic,
  at,
  after_position: String(after),
  stored_count: stored.count,
  stored_sum: String(stored.sum),
  seen_count: seen.count,
  seen_sum: String(seen.sum),
  ranges: Object.fromEntries([...ranges].map(([partition, [first, last]]) => [partition, [String(first), String(last)]])),
  disordered: [...disordered],
});
