import type { Event, RecordedEvent, WithTexts } from '@tradecore/events';
import type { AggregateClass, AnyAggregate } from '../base-aggregate.ts';
import type { LoadedMany, Wanted } from '../load/load-many.ts';
import type { PartToSave, PreparedEvent, PrepareOptions, Target } from '../append/save.ts';

/** The result of a save. */
export interface Saved {
  /**
   * `repeated`: the ids of the events were already in the store, from an earlier attempt. The aggregate in hand may
   * then be older than the store: load it again before the next decision.
   */
  readonly outcome: 'stored' | 'repeated';
  /** The events as stored, also when repeated: in the order of the aggregates and of their versions. */
  readonly events: readonly RecordedEvent[];
}

/** Which part of one aggregate's history; versions inclusive. */
export interface ReadRange {
  readonly from?: number;
  readonly to?: number;
  /** At most this many events, 1 to 1,000 (the default): continue from the last version + 1. */
  readonly limit?: number;
}

/** The selection of a bulk reader. */
export interface ReadAllOptions {
  /** Aggregate types; all when absent. */
  readonly types?: readonly string[];
  /** Not older than this (RFC 3339); from the first event when absent. */
  readonly since?: string;
  /** Events per batch, 1 to 10,000; 1,000 when absent. */
  readonly batchSize?: number;
}

/**
 * A point in an aggregate's life: after an event, or at a time (RFC 3339, at least 5 s old: the state at younger times
 * may still change).
 */
export type AsOf = { readonly version: number } | { readonly time: string };

/** How a save deals with aggregates held by another one. */
export interface SaveOptions {
  /**
   * `wait` (default): the save is sent again for a while, then waits for the lock. `refuse`: when another save holds an
   * aggregate that already exists, `Busy` comes at once, because the holder is about to change it; new aggregates are
   * still waited for.
   */
  readonly onBusy?: 'wait' | 'refuse';
}

/** Options of a decision under locks. */
export interface DecideOptions {
  /** Ids of further events to look up. */
  readonly lookups?: readonly string[];
  /** How long to wait for each lock, in ms; 2,000 when absent. */
  readonly waitMs?: number;
}

/**
 * Where events are kept. Ids, correlation, causation, saga, account, actor and trace come from the context of the call
 * (`runInContext`): with a `commandId` there, event ids are `causedEventId(commandId, aggregateId, index)`, else
 * UUIDv7, unless the catalogue names the event (`idOf`). An abstract class, so that it is its own injection token.
 */
export abstract class EventStore {
  /**
   * Appends all uncommitted events of an aggregate, or none, if the store holds the version that it had before them. No
   * events: `stored`, nothing is written. Throws `ConcurrencyException`, `EventIdTaken`, `Busy`, `OutcomeUnknown`,
   * `PayloadTooLarge`, `TextNotStorable`; `InvalidSave` is a bug.
   */
  abstract saveAggregate(aggregate: AnyAggregate): Promise<Saved>;

  /** Saves several aggregates, all or none. Readers of topics may see some before the rest. */
  abstract saveAggregates(aggregates: readonly AnyAggregate[]): Promise<Saved>;

  /**
   * Prepares one decision's events on one aggregate for saving, without an instance of it: assigns ids, checks sizes
   * (100 events, 256 KiB each, 1 MiB together) and texts, takes correlation, trace, actor and command from the context
   * given. Ids come from `options.ids`, else from the catalogue (`idOf`), else from the command, else they are new.
   * Throws `PayloadTooLarge`, `TextNotStorable`; `InvalidSave` is a bug. Then nothing of the decision may be saved.
   */
  abstract prepare(target: Target, events: readonly Event[], options?: PrepareOptions): PreparedEvent[];

  /**
   * Saves parts, all or none: also decisions of several requests together, each prepared in its own context. A part
   * without events asserts a version. One part for each aggregate. `repeated` when every decision in it is already
   * stored. Throws `ConcurrencyException` with every part in conflict; `EventIdTaken` when some event ids are in the
   * store and the save is not a repeat; and what `saveAggregate` throws.
   */
  abstract savePrepared(parts: readonly PartToSave[], options?: SaveOptions): Promise<Saved>;

  /**
   * Loads and locks the aggregates, decides, saves the parts that `decide` returns (none: nothing is saved): one
   * transaction. For aggregates on which `savePrepared` was busy or in conflict: other writers wait meanwhile.
   * Aggregates of asserted types are read but not locked: assert them. Throws `Busy` when a lock can't be acquired, and
   * whatever `decide` and `savePrepared` throw.
   */
  abstract decideLocked(
    wanted: readonly Wanted[],
    decide: (loaded: LoadedMany) => readonly PartToSave[],
    options?: DecideOptions,
  ): Promise<Saved>;

  /** The aggregate after all its events, upcast to their newest shape; version 0 if it has none. */
  abstract loadAggregate<A extends AnyAggregate>(type: AggregateClass<A>, id: string): Promise<A>;

  /** The aggregate as it was; version 0 if it had no event yet. Do not save it. */
  abstract loadAggregateAsOf<A extends AnyAggregate>(type: AggregateClass<A>, id: string, asOf: AsOf): Promise<A>;

  /**
   * Many aggregates of different types, and events by id (`lookups`), at one moment: one statement, no locks. For warm
   * aggregates only later events are read, and they are updated in place.
   */
  abstract loadMany(wanted: readonly Wanted[], lookups?: readonly string[]): Promise<LoadedMany>;

  /** An aggregate's events as they were stored (not upcast), by version. */
  abstract readEvents(aggregateId: string, range?: ReadRange): Promise<RecordedEvent[]>;

  /** The same for any number of events, read page by page as the loop asks for them. */
  abstract readHistory(aggregateId: string, range?: Omit<ReadRange, 'limit'>): AsyncIterable<RecordedEvent>;

  /**
   * A JSON value, such as the data of events, with the texts that persons wrote in place of what stands for them; a
   * forgotten text is absent.
   */
  abstract withTexts<T>(value: T): Promise<WithTexts<T>>;

  /**
   * Writes the snapshots due for these aggregates. After saving parts, call it with the aggregates as they are after
   * the save, once it is acknowledged. `saveAggregate(s)` does it automatically.
   */
  abstract keepSnapshots(aggregates: Iterable<AnyAggregate>): Promise<void>;

  /**
   * Every event as stored (not upcast), batch by batch, from one snapshot: what is committed when the first batch is
   * requested is included, later events are not. Versions of one aggregate come in order. Holds a connection and a
   * snapshot until the loop ends: for rebuilds.
   */
  abstract readAll(options?: ReadAllOptions): AsyncIterable<RecordedEvent[]>;
}
