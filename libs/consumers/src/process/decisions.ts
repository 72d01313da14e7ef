import type { RecordedEvent } from '@tradecore/events';
import type { AnyAggregate, Held, LoadedMany, PreparedDecision, TransactionEventStore, Wanted } from '@tradecore/event-sourcing';
import type { WorkContext } from '@tradecore/telemetry';
import type { AggregateCache } from './aggregate-cache.ts';

/** What decides on an aggregate, and where its events come from. */
export interface Decision {
  readonly context: WorkContext;
  decide(aggregate: AnyAggregate): void;
}

/** A decision that failed: the aggregate is as it was before. */
export class Failed {
  constructor(readonly error: unknown) {}
}

/** The decisions of one transaction: made one after the other on locked aggregates, stored together. */
export class Decisions {
  private readonly prepared = new Map<string, PreparedDecision[]>();
  private readonly made = new Map<string, Decision[]>();
  private readonly aggregates: Map<string, Held | Error>;

  private constructor(
    private readonly store: TransactionEventStore,
    private readonly wanted: ReadonlyMap<string, Wanted>,
    private readonly loaded: LoadedMany,
  ) {
    this.aggregates = new Map(loaded.aggregates);
  }

  /** Locks and loads the aggregates, reads the events `lookups`. */
  static async open(
    store: TransactionEventStore,
    { wanted, lookups, cache }: { wanted: readonly Wanted[]; lookups: readonly string[]; cache?: AggregateCache | undefined },
  ): Promise<Decisions> {
    const asked = wanted.map((each) => ({ ...each, held: cache?.take(each.id) }));
    return new Decisions(store, new Map(wanted.map((each) => [each.id, each])), await store.loadMany(asked, lookups));
  }

  /** The database's time, after the locks were had. */
  get now(): string {
    return this.loaded.now;
  }

  /** An event that was looked up, when the store has it. */
  event(id: string): RecordedEvent | undefined {
    return this.loaded.events.get(id);
  }

  /** The aggregate after the decisions made so far; an `Error` where its history can't be replayed. */
  aggregate(id: string): AnyAggregate | Error {
    const found = this.aggregates.get(id);
    if (!found) throw new Error(`${id} was not asked for`);
    return found instanceof Error ? found : found.aggregate;
  }

  /** Decides; resolves with the number of events that it came to. */
  async add(id: string, decision: Decision): Promise<number | Failed> {
    const aggregate = this.aggregate(id);
    if (aggregate instanceof Error) return new Failed(aggregate);
    const before = aggregate.uncommittedEvents.length;
    try {
      decision.decide(aggregate);
      const count = aggregate.uncommittedEvents.length - before;
      if (count > 0) this.listOf(this.prepared, id).push(this.store.prepare(aggregate, count, decision.context));
      this.listOf(this.made, id).push(decision);
      return count;
    } catch (error) {
      if (aggregate.uncommittedEvents.length > before) await this.undo(id);
      return new Failed(error);
    }
  }

  /** Stores all of them. Call once, last. */
  async save(): Promise<RecordedEvent[]> {
    const prepared = [...this.prepared.values()].flat();
    const stored = prepared.length === 0 ? [] : await this.store.saveBatch(prepared);
    for (const { aggregateId, id } of stored) {
      const held = this.aggregates.get(aggregateId) as Held;
      this.aggregates.set(aggregateId, { ...held, lastEventId: id });
    }
    return stored;
  }

  /** Keeps the aggregates for the next batch; after the commit. */
  keep(cache: AggregateCache): void {
    for (const held of this.aggregates.values()) {
      if (!(held instanceof Error) && held.lastEventId !== null) cache.keep(held.aggregate, held.lastEventId);
    }
  }

  /** Half a decision can't be taken back from an aggregate: it is loaded again, and the decisions before are made again. They are pure. */
  private async undo(id: string): Promise<void> {
    const fresh = (await this.store.loadMany([{ ...(this.wanted.get(id) as Wanted), held: undefined }])).aggregates.get(id);
    if (!fresh || fresh instanceof Error) throw fresh ?? new Error(`${id} was not loaded`);
    this.aggregates.set(id, fresh);
    for (const { decide } of this.listOf(this.made, id)) decide(fresh.aggregate);
    const again = this.listOf(this.prepared, id).map((each) => ({ ...each, aggregate: fresh.aggregate }));
    this.prepared.set(id, again);
  }

  private listOf<T>(lists: Map<string, T[]>, id: string): T[] {
    const list = lists.get(id) ?? [];
    lists.set(id, list);
    return list;
  }
}
