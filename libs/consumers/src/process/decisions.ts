import type { RecordedEvent } from '@tradecore/events';
import type {
  AnyAggregate,
  LoadedMany,
  PartToSave,
  TransactionEventStore,
  Wanted,
  WarmAggregate,
} from '@tradecore/event-sourcing';
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
  private readonly prepared = new Map<string, PartToSave[]>();
  private readonly made = new Map<string, Decision[]>();
  private readonly aggregates: Map<string, WarmAggregate | Error>;

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
    const asked = wanted.map((each) => ({ ...each, warm: cache?.take(each.id) }));
    return new Decisions(store, new Map(wanted.map((each) => [each.id, each])), await store.loadLocked(asked, lookups));
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
      const decided = aggregate.uncommittedEvents.slice(before);
      if (decided.length > 0) {
        const target = { type: this.wantedOf(id).type.type, id };
        const events = this.store.prepare(target, decided, { context: decision.context });
        this.listOf(this.prepared, id).push({ ...target, expected: aggregate.version - decided.length, events });
      }
      this.listOf(this.made, id).push(decision);
      return decided.length;
    } catch (error) {
      if (aggregate.uncommittedEvents.length > before) await this.undo(id);
      return new Failed(error);
    }
  }

  /** Stores all of them. Call once, last. */
  async save(): Promise<RecordedEvent[]> {
    const parts = [...this.prepared.values()].flat();
    if (parts.length === 0) return [];
    const stored = await this.store.saveBatch(parts);
    const lastIds = new Map(stored.map(({ aggregateId, id }) => [aggregateId, id]));
    const changed = [...lastIds].map(([aggregateId, lastEventId]) => {
      const { aggregate } = this.aggregates.get(aggregateId) as WarmAggregate;
      aggregate.markCommitted();
      this.aggregates.set(aggregateId, { aggregate, lastEventId });
      return aggregate;
    });
    await this.store.keepSnapshots(changed);
    return stored;
  }

  /** Keeps the aggregates for the next batch; after the commit. */
  keep(cache: AggregateCache): void {
    for (const warm of this.aggregates.values()) {
      if (!(warm instanceof Error) && warm.lastEventId !== null) cache.keep(warm.aggregate, warm.lastEventId);
    }
  }

  /** Half a decision can't be taken back from an aggregate: it is loaded again, and the decisions before are made again. They are pure. */
  private async undo(id: string): Promise<void> {
    const fresh = (await this.store.loadLocked([{ ...this.wantedOf(id), warm: undefined }])).aggregates.get(id);
    if (!fresh || fresh instanceof Error) throw fresh ?? new Error(`${id} was not loaded`);
    this.aggregates.set(id, fresh);
    for (const { decide } of this.listOf(this.made, id)) decide(fresh.aggregate);
  }

  private wantedOf(id: string): Wanted {
    return this.wanted.get(id) as Wanted;
  }

  private listOf<T>(lists: Map<string, T[]>, id: string): T[] {
    const list = lists.get(id) ?? [];
    lists.set(id, list);
    return list;
  }
}
