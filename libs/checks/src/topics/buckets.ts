import { hash } from 'node:crypto';

/** The fields of an event that store and topics share. `value`: `event_data::text`, or the record's bytes. */
export interface ComparedEvent {
  readonly id: string;
  readonly aggregateId: string;
  readonly aggregateVersion: number;
  readonly type: string;
  readonly value: string | Buffer;
  /** RFC 3339: the event's own time. */
  readonly time: string;
}

/** A record's place in its topic. */
export interface RecordPlace {
  readonly partition: number;
  readonly offset: bigint;
}

/** The number of events, and the sum of their digests modulo 2^64: in an XOR a duplicate would cancel itself out. */
export interface Tally {
  readonly count: number;
  readonly sum: bigint;
}

/** Ten seconds of a topic by the events' own time: what the store holds, and what the topic holds. */
export interface Bucket {
  readonly topic: string;
  /** Its first millisecond since 1970. */
  readonly at: number;
  /** The store was read up to this position when the bucket was opened: earlier events were compared before. */
  readonly after: bigint;
  stored: Tally;
  seen: Tally;
  /** By partition: the first and the last offset of its records. */
  readonly ranges: Map<number, readonly [first: bigint, last: bigint]>;
  /** Events that came after a later version of their aggregate; at most a hundred. */
  readonly disordered: Set<string>;
  /** Milliseconds since 1970. */
  changedAt: number;
}

/** When an event is read. */
export interface Reading {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The store is read up to here. */
  readonly after: bigint;
}

/** How long a bucket is, in milliseconds. */
export const bucketMs = 10_000;
const disorderedLimit = 100;
const nothing: Tally = { count: 0, sum: 0n };

/** The first 8 bytes of sha256 over everything compared; the length of the type separates it from the value. */
export function digestOf({ id, aggregateId, aggregateVersion, type, value }: ComparedEvent): bigint {
  const head = `${id} ${aggregateId} ${aggregateVersion} ${type.length} ${type} `;
  const all = typeof value === 'string' ? head + value : Buffer.concat([Buffer.from(head), value]);
  return hash('sha256', all, 'buffer').readBigUInt64BE();
}

/** The bucket of a time. */
export const bucketAt = (time: string): number => Math.floor(Date.parse(time) / bucketMs) * bucketMs;

/** Whether store and topic have the same events, as far as count and sum can tell, and in order on the topic. */
export const bucketAgrees = ({ stored, seen, disordered }: Bucket): boolean =>
  stored.count === seen.count && stored.sum === seen.sum && disordered.size === 0;

/** The buckets not yet compared. Each side adds what it reads, in any order and any portions. */
export class Buckets {
  readonly #open = new Map<string, Bucket>();
  readonly #changed = new Set<string>();

  constructor(buckets: Iterable<Bucket> = []) {
    for (const bucket of buckets) this.#open.set(keyOf(bucket), bucket);
  }

  get size(): number {
    return this.#open.size;
  }

  addStored(topic: string, event: ComparedEvent, reading: Reading): void {
    const bucket = this.#bucketOf(topic, event, reading);
    bucket.stored = plus(bucket.stored, event);
  }

  /** `isLate`: a later version of its aggregate was read before. */
  addSeen(
    topic: string,
    event: ComparedEvent,
    { partition, offset, isLate, ...reading }: RecordPlace & Reading & { readonly isLate: boolean },
  ): void {
    const bucket = this.#bucketOf(topic, event, reading);
    bucket.seen = plus(bucket.seen, event);
    const [first, last] = bucket.ranges.get(partition) ?? [offset, offset];
    bucket.ranges.set(partition, [first < offset ? first : offset, last > offset ? last : offset]);
    if (isLate && bucket.disordered.size < disorderedLimit) bucket.disordered.add(event.id);
  }

  /** Buckets last changed at this time or before, oldest first. */
  unchangedSince(moment: number): Bucket[] {
    return [...this.#open.values()].filter(({ changedAt }) => changedAt <= moment).sort((one, other) => one.at - other.at);
  }

  /** The start of the first open bucket; undefined when none is open. */
  oldest(): number | undefined {
    let oldest: number | undefined;
    for (const { at } of this.#open.values()) if (oldest === undefined || at < oldest) oldest = at;
    return oldest;
  }

  /** Closes a compared bucket. Later events of the same ten seconds open it again, for them alone. */
  close(bucket: Bucket): void {
    this.#open.delete(keyOf(bucket));
    this.#changed.add(keyOf(bucket));
  }

  /** What was changed and closed since the last call. */
  takeChanges(): { changed: Bucket[]; closed: Pick<Bucket, 'topic' | 'at'>[] } {
    const keys = [...this.#changed];
    this.#changed.clear();
    return {
      changed: keys.flatMap((key) => this.#open.get(key) ?? []),
      closed: keys.filter((key) => !this.#open.has(key)).map(placeOf),
    };
  }

  #bucketOf(topic: string, { time }: ComparedEvent, { now, after }: Reading): Bucket {
    const at = bucketAt(time);
    const key = keyOf({ topic, at });
    let bucket = this.#open.get(key);
    if (!bucket) {
      bucket = { topic, at, after, stored: nothing, seen: nothing, ranges: new Map(), disordered: new Set(), changedAt: now };
      this.#open.set(key, bucket);
    }
    bucket.changedAt = now;
    this.#changed.add(key);
    return bucket;
  }
}

const plus = ({ count, sum }: Tally, event: ComparedEvent): Tally => ({
  count: count + 1,
  sum: BigInt.asUintN(64, sum + digestOf(event)),
});

const keyOf = ({ topic, at }: Pick<Bucket, 'topic' | 'at'>): string => `${at} ${topic}`;

function placeOf(key: string): Pick<Bucket, 'topic' | 'at'> {
  const [at = '', topic = ''] = key.split(' ');
  return { topic, at: Number(at) };
}
