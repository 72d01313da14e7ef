import type { RecordedEvent } from '@tradecore/events';
import type { AggregateClass, AnyAggregate, Transaction, Wanted, WarmAggregate } from '@tradecore/event-sourcing';
import { BoundedCache } from '../offsets/bounded-cache.ts';
import { isSame } from '../offsets/confirmed.ts';
import { outsideTransaction } from '../offsets/transaction.ts';
import type { ConsumerParts } from './begin.ts';
import { firstIds, inputOf, sagaOf, type Input } from './inputs.ts';
import type { Process } from './process.ts';
import { readSagas, type SagaRow } from './saga-rows.ts';
import type { Known } from './unit-of-work.ts';

/** The process that reads, and its dependencies. */
export interface ReaderParts extends ConsumerParts {
  readonly process: Process;
  readonly topics: readonly string[];
  readonly schema: string;
}

/** What a decision needs, read without locks, and which records the store does not hold. */
export interface Reading extends Known {
  readonly missed: ReadonlyMap<string, ReadonlyMap<number, RecordedEvent>>;
  /** Everything was known from earlier batches: no event was confirmed, so the transaction must do so. */
  readonly isWarm: boolean;
  /** Records that the store does not hold. */
  readonly foreign: ReadonlySet<Input>;
  /** What to lock, if locking is needed. */
  readonly wanted: readonly Wanted[];
  /** Events from topics that are assumed to be stored; the store must confirm them. */
  readonly believed: readonly RecordedEvent[];
}

/** What to lock, and to read under the locks. */
export interface ToLock extends Pick<Reading, 'wanted' | 'aggregates' | 'missed' | 'believed'> {
  readonly inputs: readonly Input[];
  readonly sagaIds: readonly string[];
  readonly waitMs: number;
}

/** An input ahead of what its saga has heard: the events from this version on are missing. */
interface Gap {
  readonly input: Input;
  readonly from: number;
}

/** Irrelevant events are remembered for this many aggregates, this many of each. */
const [skippedAggregates, skippedEach] = [2000, 8];
/** The local clock stands in for the database's for at most this long. */
const clockTrustMs = 10_000;

/** Reads what decisions need, and keeps it warm between batches: what is taken out comes back only after a commit. */
export class ProcessReader {
  readonly aggregates = new BoundedCache<string, WarmAggregate>(2000);
  readonly rows = new BoundedCache<string, SagaRow>(2000);
  private readonly skipped = new BoundedCache<string, Map<number, RecordedEvent>>(skippedAggregates);
  private readonly outside: Transaction;
  private clock: { readonly now: number; readonly at: number } | undefined;

  constructor(private readonly parts: ReaderParts) {
    this.outside = outsideTransaction(parts.dataSource);
  }

  /** Remembers an irrelevant event, so that it does not look like a gap. */
  skip(event: RecordedEvent): void {
    const known = this.skipped.get(event.aggregateId) ?? new Map<number, RecordedEvent>();
    known.set(event.aggregateVersion, event);
    if (known.size > skippedEach) known.delete(known.keys().next().value as number);
    this.skipped.set(event.aggregateId, known);
  }

  /**
   * Reads outside any transaction. `cold`: trusts nothing in memory except the aggregates, which are brought up to date
   * from the store.
   */
  async read(inputs: readonly Input[], cold = false): Promise<Reading> {
    const { rows, parked, isCold } = await this.readRows(inputs, cold);
    const missed = await this.missedBy(inputs, rows);
    const all = [...inputs, ...this.inputsOf(missed.events)];
    const wanted = this.wantedFor(all);
    const now = this.localNow();
    const believed = [...inputs.flatMap(({ record }) => record?.event ?? []), ...missed.believed];
    if (!cold && !isCold && !missed.wereRead && now && isUpToDate(wanted, all)) {
      const aggregates = new Map(wanted.map(({ id, warm }) => [id, warm as WarmAggregate]));
      return {
        aggregates,
        events: new Map(),
        rows,
        parked,
        missed: missed.events,
        now,
        isWarm: true,
        foreign: new Set(),
        wanted,
        believed,
      };
    }
    const loaded = await this.parts.store.loadMany(wanted, lookupsFor(all, believed));
    this.observe(loaded.now);
    const foreign = new Set(inputs.filter(({ record, event }) => record && !isSame(loaded.events.get(event.id), event)));
    const forged = missed.believed.filter((event) => !isSame(loaded.events.get(event.id), event));
    if (forged.length > 0) {
      for (const { aggregateId } of forged) this.skipped.delete(aggregateId);
      return this.read(inputs, true);
    }
    const { aggregates, events } = loaded;
    return { aggregates, events, now: loaded.now, rows, parked, missed: missed.events, isWarm: false, foreign, wanted, believed };
  }

  /** Locks what was read and brings it up to date. Heads are locked by one call in one order. Throws `Busy`. */
  async lock(tx: Transaction, { wanted, aggregates, missed, believed, inputs, sagaIds, waitMs }: ToLock): Promise<Known> {
    const { store, schema } = this.parts;
    const warm = wanted.map((each): Wanted => {
      const found = aggregates.get(each.id);
      return { ...each, warm: found instanceof Error ? undefined : found };
    });
    const lookups = lookupsFor([...inputs, ...this.inputsOf(missed)], believed);
    const loaded = await store.within(tx).loadLocked(warm, { lookups, waitMs });
    this.observe(loaded.now);
    const { rows, parked } = await readSagas(tx, schema, sagaIds);
    return { aggregates: loaded.aggregates, events: loaded.events, now: loaded.now, rows, parked, missed };
  }

  /** What has to be loaded for these rows and missed events. */
  wantedOf(rows: Iterable<SagaRow>, missed: Reading['missed']): Wanted[] {
    const ofRows = [...rows].map(({ aggregateIds: ids }) => ({ ids }));
    return this.wantedFor([...ofRows, ...this.inputsOf(missed)]);
  }

  /** Keeps sagas and aggregates as they are after a commit, for the next batch. */
  keep({ aggregates }: Pick<Known, 'aggregates'>, rows: Iterable<SagaRow>): void {
    for (const [id, warm] of aggregates) {
      if (warm instanceof Error || warm.aggregate.version === 0) continue;
      const known = this.aggregates.get(id);
      if (!known || known.aggregate.version <= warm.aggregate.version) this.aggregates.set(id, warm);
    }
    for (const row of rows) if ((this.rows.get(row.sagaId)?.revision ?? 0) < row.revision) this.rows.set(row.sagaId, row);
  }

  /** Whether a saga has heard a version already, as far as this process knows for certain. */
  hasHeard(input: Input): boolean {
    const { aggregateId, aggregateVersion } = input.event;
    return aggregateVersion <= (this.rows.get(sagaOf(input))?.heard[aggregateId] ?? 0);
  }

  private async readRows(inputs: readonly Input[], cold: boolean) {
    const sagaIds = sagasOf(inputs);
    const warm = sagaIds.flatMap((id) => this.rows.take(id) ?? []);
    const known = new Map(cold ? [] : warm.map((row) => [row.sagaId, row]));
    const missing = sagaIds.filter((id) => !known.has(id));
    const { rows, parked } = await readSagas(this.outside, this.parts.schema, missing);
    return { rows: new Map([...known, ...rows]), parked, isCold: missing.length > 0 };
  }

  /**
   * Events between what each saga has heard and what it hears now: from memory if they are irrelevant, else from the
   * store. An input that seems to lie ahead is confirmed before its version is trusted.
   */
  private async missedBy(inputs: readonly Input[], rows: ReadonlyMap<string, SagaRow>) {
    const events = new Map<string, Map<number, RecordedEvent>>();
    const believed: RecordedEvent[] = [];
    const gaps: Gap[] = [];
    const heard = new Map<string, number>();
    for (const input of inputs) {
      if (input.fault !== undefined) continue;
      const { aggregateId, aggregateVersion } = input.event;
      const key = `${sagaOf(input)}/${aggregateId}`;
      const before = heard.get(key) ?? rows.get(sagaOf(input))?.heard[aggregateId] ?? 0;
      const skipped = this.skippedAfter(aggregateId, before, aggregateVersion);
      for (const event of skipped) setIn(events, event);
      believed.push(...skipped);
      const from = before + skipped.length + 1;
      if (from < aggregateVersion) gaps.push({ input, from });
      heard.set(key, Math.max(before, aggregateVersion));
    }
    for (const event of await this.fromStore(await this.rangesOf(gaps))) setIn(events, event);
    return { events, believed, wereRead: gaps.length > 0 };
  }

  /** The irrelevant events right after a version, as far as they are remembered. */
  private skippedAfter(aggregateId: string, version: number, before: number): RecordedEvent[] {
    const known = this.skipped.get(aggregateId);
    const found: RecordedEvent[] = [];
    for (let next = version + 1; next < before; next += 1) {
      const event = known?.get(next);
      if (!event) break;
      found.push(event);
    }
    return found;
  }

  private async fromStore(ranges: ReadonlyMap<string, { readonly from: number; readonly to: number }>): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for (const [aggregateId, range] of ranges)
      for await (const event of this.parts.store.readHistory(aggregateId, range)) events.push(event);
    return events;
  }

  private async rangesOf(gaps: readonly Gap[]) {
    const ranges = new Map<string, { from: number; to: number }>();
    if (gaps.length === 0) return ranges;
    const doubted = gaps.flatMap(({ input: { record, event } }) => (record ? [event.id] : []));
    const stored = doubted.length === 0 ? new Map() : (await this.parts.store.loadMany([], doubted)).events;
    for (const { input, from } of gaps) {
      const { aggregateId, aggregateVersion } = input.event;
      if (input.record && !isSame(stored.get(input.event.id), input.event)) continue;
      const range = ranges.get(aggregateId) ?? { from, to: from };
      ranges.set(aggregateId, { from: Math.min(range.from, from), to: Math.max(range.to, aggregateVersion - 1) });
    }
    return ranges;
  }

  private inputsOf(missed: ReadonlyMap<string, ReadonlyMap<number, RecordedEvent>>): Input[] {
    const events = [...missed.values()].flatMap((own) => [...own.values()]);
    return events
      .flatMap((event) => inputOf(this.parts.process, this.parts.catalogue, event) ?? [])
      .filter(({ fault }) => fault === undefined);
  }

  private wantedFor(inputs: readonly Pick<Input, 'ids' | 'fault'>[]): Wanted[] {
    const wanted = new Map<string, AggregateClass<AnyAggregate>>();
    for (const { ids, fault } of inputs) {
      if (fault !== undefined) continue;
      for (const [index, id] of ids.entries())
        wanted.set(id, this.parts.process.aggregates[index] as AggregateClass<AnyAggregate>);
    }
    return [...wanted].map(([id, type]) => ({ type, id, warm: this.aggregates.take(id) }));
  }

  private observe(now: string): void {
    if (now !== '') this.clock = { now: Date.parse(now), at: performance.now() };
  }

  private localNow(): string | undefined {
    if (!this.clock) return undefined;
    const since = performance.now() - this.clock.at;
    return since > clockTrustMs ? undefined : new Date(this.clock.now + since).toISOString().replace('Z', '000Z');
  }
}

/**
 * Whether everything a decision needs is warm, and as new as its input: another service also writes the aggregate, and
 * a decision on a version older than the input stores nothing, so that no append would detect it.
 */
function isUpToDate(wanted: readonly Wanted[], inputs: readonly Input[]): boolean {
  const newest = new Map<string, number>();
  for (const { event } of inputs)
    newest.set(event.aggregateId, Math.max(newest.get(event.aggregateId) ?? 0, event.aggregateVersion));
  return wanted.every(({ id, warm }) => warm !== undefined && warm.aggregate.version >= (newest.get(id) ?? 0));
}

const setIn = (events: Map<string, Map<number, RecordedEvent>>, event: RecordedEvent): void => {
  const own = events.get(event.aggregateId) ?? new Map<number, RecordedEvent>();
  events.set(event.aggregateId, own.set(event.aggregateVersion, event));
};

export const sagasOf = (inputs: readonly Input[]): string[] => [...new Set(inputs.map((input) => sagaOf(input)))];

const lookupsFor = (inputs: readonly Input[], believed: readonly RecordedEvent[]): string[] => [
  ...new Set([...believed.map(({ id }) => id), ...inputs.flatMap((input) => firstIds(input))]),
];
