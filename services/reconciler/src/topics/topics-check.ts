import { Inject, Injectable } from '@nestjs/common';
import { bucketAgrees, bucketMs, digested, publishedLate, topicFaultsOf, withoutGivenUp, type Bucket } from '@tradecore/checks';
import { storedTopics } from '@tradecore/events';
import { partitionKey, type AssignedPartition, type KafkaClient } from '@tradecore/messaging';
import { tokens } from '@tradecore/service';
import { logger } from '@tradecore/telemetry';
import { Around } from '../around.ts';
import type { Fault } from '../findings.ts';
import type { Check } from '../reconciler.ts';
import { Touched } from '../touched.ts';
import { emptyProgress, loadProgress, saveProgress, whyNotHere, type Progress } from './progress.ts';
import { relayPlace, storedBetween, storedById, storedWithin, type RelayPlace } from './store-side.ts';
import { isEvent, placed, seenIn, seenWithin, type NoEvent, type SeenEvent } from './topic-side.ts';

/** Events of the store in one statement, and records of a partition in a round. */
const pageSize = 2_000;
const pagesARound = 5;
/** Open buckets from which on the side that is ahead waits for the other. */
const openLimit = 20_000;
/** Suspicions that are looked into in a round; each reads ten seconds of a topic. */
const suspectsARound = 5;
/** Records before an offset that tell, after a start, which versions came last. */
const warmRecords = 200n;
const relistMs = 60_000;

const log = logger('topics-check');

/** A moment from which on both sides can be said to have read all that was there. */
interface Mark {
  /** Milliseconds since 1970, before anything of it was asked. */
  readonly at: number;
  /** The store was read up to here; the topics hold all of it below `ends`. */
  readonly position: bigint;
  readonly ends: ReadonlyMap<string, bigint>;
  /** All that was on the topics has a position up to here. */
  readonly drawn: bigint;
}

/** What a round came to. */
interface Compared {
  readonly faults: readonly Fault[];
  /** Events that were looked for by id and are on their topic. */
  readonly found: readonly string[];
}

/**
 * Holds the topics against the store, all the time: both sides add what they read to buckets; a bucket that has not changed for a while and that both
 * have read beyond is compared. What differs is suspect, and after as long again it is read by id: what still differs is a finding.
 */
@Injectable()
export class TopicsCheck implements Check {
  readonly name = 'topics-check';
  #term = 0;
  #progress: Progress | undefined;
  #mark: Mark | undefined;
  #covered: Mark | undefined;
  #suspects = new Map<Bucket, number>();
  #listed: { at: number; readonly partitions: { topic: string; partition: number }[] } = { at: 0, partitions: [] };

  constructor(
    @Inject(Around) private readonly around: Around,
    @Inject(tokens.kafka) private readonly kafka: KafkaClient,
    @Inject(Touched) private readonly touched: Touched,
  ) {}

  /** One look at both sides. After an error, and in a new term, it goes on from its rows. */
  async round(term: number): Promise<void> {
    if (term !== this.#term) this.#forget();
    this.#term = term;
    try {
      const place = await relayPlace(this.around.dataSource);
      const partitions = await this.#partitions();
      const topicIds = await this.kafka.topicIds(storedTopics);
      const progress = (this.#progress ??= await this.#begin(partitions));
      const why = whyNotHere(progress, partitions, topicIds);
      if (why !== undefined) return await this.#startHere(why, partitions, topicIds);
      for (const each of partitions) {
        const [key, topicId] = [partitionKey(each), topicIds.get(each.topic)];
        if (!progress.offsets.has(key)) progress.offsets.set(key, { next: each.startOffset, topicId });
      }
      await this.#advance(progress, place, partitions);
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  #forget(): void {
    this.#progress = undefined;
    this.#mark = undefined;
    this.#covered = undefined;
    this.#suspects = new Map();
  }

  /** Where an earlier leader was; at first, the start of the topics. */
  async #begin(partitions: readonly AssignedPartition[]): Promise<Progress> {
    const loaded = await loadProgress(this.around.dataSource);
    if (!loaded) return emptyProgress(0n, '1970-01-01T00:00:00.000000Z');
    for (const { topic, partition, startOffset, endOffset } of partitions) {
      const next = loaded.offsets.get(partitionKey({ topic, partition }))?.next ?? 0n;
      const to = next < endOffset ? next : endOffset; // it may be another log
      const from = to - warmRecords > startOffset ? to - warmRecords : startOffset;
      if (from >= to) continue;
      for (const event of await this.#facts(await seenIn(this.kafka, { topic, partition }, { from, to })))
        loaded.order.isLate(partitionKey({ topic, partition }), event.aggregateId, event.aggregateVersion);
    }
    return loaded;
  }

  /** Nothing from before now is compared: what the topics held of it is gone. */
  async #startHere(why: string, partitions: readonly AssignedPartition[], topicIds: ReadonlyMap<string, string>): Promise<void> {
    const { floor, now } = await relayPlace(this.around.dataSource);
    const progress = emptyProgress(floor, now);
    for (const each of partitions)
      progress.offsets.set(partitionKey(each), { next: each.endOffset, topicId: topicIds.get(each.topic) });
    const before = this.#progress?.position === 0n ? undefined : this.#progress?.position;
    const detail = `${why}; what was stored ${before === undefined ? '' : `behind position ${before} `}before ${now} is not compared with the topics`;
    log.warn({ why, since: now }, 'begins anew');
    await this.around.lead.write(async (tx) => {
      await saveProgress(tx, progress, true);
      await this.around.findings.open(tx, [{ check: 'topics', kind: 'not-audited', subject: now, detail }]);
    });
    this.#forget();
  }

  async #partitions(): Promise<AssignedPartition[]> {
    if (Date.now() - this.#listed.at > relistMs) {
      const lists = await Promise.all(
        storedTopics.map(async (topic) =>
          [...(await this.kafka.startOffsets(topic)).keys()].map((partition) => ({ topic, partition })),
        ),
      );
      this.#listed = { at: Date.now(), partitions: lists.flat() };
    }
    return this.kafka.ends(this.#listed.partitions);
  }

  async #advance(progress: Progress, place: RelayPlace, partitions: readonly AssignedPartition[]): Promise<void> {
    const now = Date.now();
    const ends = new Map(partitions.map((each) => [partitionKey(each), each.endOffset]));
    this.#mark ??= { at: now, position: progress.position, ends, drawn: place.drawn };
    const isFull = progress.buckets.size > openLimit;
    const storeIsBehind = progress.position < place.floor;
    const faults: Fault[] = [];
    // With too many open buckets the side that lags has to come up first.
    if (storeIsBehind) await this.#readStore(progress, place.floor);
    if (!isFull || !storeIsBehind) faults.push(...(await this.#readTopics(progress, ends)));
    this.#cover(progress);
    const compared = await this.#compare(progress, partitions);
    const until = Math.min(progress.buckets.oldest() ?? Infinity, this.#covered?.at ?? 0);
    await this.around.lead.write(async (tx) => {
      await saveProgress(tx, progress);
      await this.around.findings.open(tx, [...faults, ...compared.faults]);
      if (compared.found.length > 0)
        await this.around.findings.close(tx, { check: 'topics', kinds: ['lost'], subjects: compared.found });
      if (until > 0) await this.around.findings.covered(tx, 'topics', new Date(until));
    });
  }

  async #readStore(progress: Progress, floor: bigint): Promise<void> {
    for (let page = 0; page < pagesARound && progress.position < floor; page += 1) {
      const to = progress.position + BigInt(pageSize) < floor ? progress.position + BigInt(pageSize) : floor;
      const reading = { now: Date.now(), after: progress.position };
      for (const event of await storedBetween(this.around.dataSource, progress.position, to)) {
        this.touched.add(event);
        if (event.time >= progress.since) progress.buckets.addStored(event.topic, event, reading);
      }
      progress.position = to;
    }
  }

  /** One page of each partition; what is read is taken together, a page at a time. */
  async #readTopics(progress: Progress, ends: ReadonlyMap<string, bigint>): Promise<Fault[]> {
    const faults: Fault[] = [];
    let seen: (SeenEvent | NoEvent)[] = [];
    for (const { topic, partition } of this.#listed.partitions) {
      const key = partitionKey({ topic, partition });
      const [offset, end = 0n] = [progress.offsets.get(key), ends.get(key)];
      if (!offset || offset.next >= end) continue;
      const to = offset.next + BigInt(pageSize) < end ? offset.next + BigInt(pageSize) : end;
      seen.push(...(await seenIn(this.kafka, { topic, partition }, { from: offset.next, to })));
      offset.next = to;
      if (seen.length < pageSize) continue;
      faults.push(...(await this.#takeSeen(progress, seen)));
      seen = [];
    }
    return [...faults, ...(await this.#takeSeen(progress, seen))];
  }

  /** Adds what was read to the buckets; records that hold no event are faults. */
  async #takeSeen(progress: Progress, seen: readonly (SeenEvent | NoEvent)[]): Promise<Fault[]> {
    const reading = { now: Date.now(), after: progress.position };
    for (const event of await this.#facts(seen)) {
      const { topic, partition, offset, aggregateId, aggregateVersion } = event;
      const isLate = progress.order.isLate(partitionKey({ topic, partition }), aggregateId, aggregateVersion);
      if (event.time >= progress.since) progress.buckets.addSeen(topic, event, { partition, offset, isLate, ...reading });
    }
    return seen.flatMap((none): Fault[] => {
      if (isEvent(none)) return [];
      const subject = `${partitionKey(none)}@${none.offset}`;
      return [{ check: 'topics', kind: 'foreign', subject, detail: `the record holds no event: ${none.why}` }];
    });
  }

  /** Events that count: what an operator gave up is neither foreign nor a later version. */
  #facts(seen: readonly (SeenEvent | NoEvent)[]): Promise<SeenEvent[]> {
    return withoutGivenUp(this.around.dataSource, seen.filter(isEvent));
  }

  /** Both sides have come to the mark: what has not changed since can be compared. */
  #cover({ position, offsets }: Progress): void {
    const mark = this.#mark;
    if (!mark || position < mark.drawn) return;
    if ([...mark.ends].some(([key, end]) => (offsets.get(key)?.next ?? 0n) < end)) return;
    this.#covered = mark;
    this.#mark = undefined;
  }

  async #compare({ buckets, since }: Progress, partitions: readonly AssignedPartition[]): Promise<Compared> {
    const covered = this.#covered;
    if (!covered) return { faults: [], found: [] };
    const now = Date.now();
    const quiet = this.around.config.CHECK_QUIET;
    const due: Bucket[] = [];
    for (const bucket of buckets.unchangedSince(Math.min(covered.at, now - quiet))) {
      if (bucketAgrees(bucket)) this.#close(buckets, bucket);
      else if (!this.#suspects.has(bucket)) this.#suspects.set(bucket, now);
      else if (now - (this.#suspects.get(bucket) ?? now) >= quiet) due.push(bucket);
    }
    const results: Compared[] = [];
    for (const bucket of due.slice(0, suspectsARound)) {
      results.push(await this.#readById(bucket, { since, position: covered.position, partitions }));
      this.#close(buckets, bucket);
    }
    return { faults: results.flatMap(({ faults }) => faults), found: results.flatMap(({ found }) => found) };
  }

  #close(buckets: Progress['buckets'], bucket: Bucket): void {
    buckets.close(bucket);
    this.#suspects.delete(bucket);
  }

  async #readById(
    { topic, at, after, ranges, disordered }: Bucket,
    { since, position, partitions }: { since: string; position: bigint; partitions: readonly AssignedPartition[] },
  ): Promise<Compared> {
    const isCut = partitions.some(
      (each) => each.topic === topic && each.startOffset > (ranges.get(each.partition)?.[0] ?? each.startOffset),
    );
    if (isCut) {
      const detail = `${topic} let records go before they were compared`;
      return { faults: [{ check: 'topics', kind: 'not-audited', subject: new Date(at).toISOString(), detail }], found: [] };
    }
    const seen = (await this.#facts(await seenWithin(this.kafka, { topic, at, ranges }))).map(placed);
    const within = await storedWithin(this.around.dataSource, { topic, from: at, to: at + bucketMs, after, position });
    const stored = within.filter(({ time }) => time >= since);
    const known = new Set(stored.map(({ id }) => id));
    const others = [...new Set(seen.map(({ id }) => id))].filter((id) => !known.has(id));
    const late = await publishedLate(this.around.dataSource, [...disordered, ...others]);
    const alsoStored = (await storedById(this.around.dataSource, others)).filter((event) => event.topic === topic);
    const before = alsoStored.filter((event) => BigInt(event.position) <= after && !late.has(event.id)).map(({ id }) => id);
    const wasLost = await this.around.findings.openAmong({ check: 'topics', kind: 'lost', subjects: before });
    const faults = topicFaultsOf({
      stored: stored.map(digested),
      seen,
      alsoStored: alsoStored.map(digested),
      seenBefore: new Set(before.filter((id) => !wasLost.has(id))),
      disordered: new Set([...disordered].filter((id) => !late.has(id))),
    });
    return {
      faults: faults.map(({ kind, id, detail }) => ({ check: 'topics', kind, subject: id, detail: `${topic}: ${detail}` })),
      found: seen.map(({ id }) => id),
    };
  }
}
