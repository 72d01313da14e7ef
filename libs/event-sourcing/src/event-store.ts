import type { RecordedEvent } from '@tradecore/events';
import type { AggregateClass, AnyAggregate } from './base-aggregate.ts';

/** What became of a save. */
export interface Saved {
  /**
   * `repeated`: the ids of the events stood in the store already, from an earlier attempt. The aggregate in hand may then be
   * older than the store: load it again before the next decision.
   */
  readonly outcome: 'stored' | 'repeated';
  /** The events as they stand in the store, also when repeated: in the order of the aggregates and of their versions. */
  readonly events: readonly RecordedEvent[];
}

/** Which part of one aggregate's history; versions inclusive. */
export interface ReadRange {
  readonly from?: number;
  readonly to?: number;
  /** At most this many events, 1 to 1,000 (the default): ask again from the last version + 1. */
  readonly limit?: number;
}

/** What a bulk reader wants. */
export interface ReadAllOptions {
  /** Aggregate types; all when absent. */
  readonly types?: readonly string[];
  /** Not older than this (RFC 3339); from the first event on when absent. */
  readonly since?: string;
  /** Events a batch, 1 to 10,000; 1,000 when absent. */
  readonly batchSize?: number;
}

/** A point in an aggregate's life: after an event, or at a time (RFC 3339; not younger than 5 s, for younger times may still change). */
export type AsOf = { readonly version: number } | { readonly time: string };

/**
 * Where events are kept. Ids, correlation, causation, saga, account, actor and trace come from the context of the call
 * (`runInContext`): with a `commandId` there, event ids are `causedEventId(commandId, aggregateId, index)`, else UUIDv7.
 * An abstract class, so that it is its own injection token.
 */
export abstract class EventStore {
  /**
   * Appends all uncommitted events of an aggregate, or none. `expectedVersion` is the version that the decision was made on:
   * the aggregate's version before its uncommitted events, when absent. No events: `stored`, nothing is written.
   * Throws `ConcurrencyException`, `Busy`, `OutcomeUnknown`, `PayloadTooLarge`, `TextNotStorable`; `InvalidSave` is a bug.
   */
  abstract saveAggregate(aggregate: AnyAggregate, expectedVersion?: number): Promise<Saved>;

  /** Saves several aggregates whole or not at all. Readers of topics may see a part before the rest. */
  abstract saveAggregates(aggregates: readonly AnyAggregate[]): Promise<Saved>;

  /** The aggregate after all its events, brought to their newest shape; version 0 if it has none. */
  abstract loadAggregate<A extends AnyAggregate>(type: AggregateClass<A>, id: string): Promise<A>;

  /** The aggregate as it was; version 0 if it had no event yet. Don't save what you loaded so. */
  abstract loadAggregateAsOf<A extends AnyAggregate>(type: AggregateClass<A>, id: string, asOf: AsOf): Promise<A>;

  /** An aggregate's events as they were stored (not upcast), by version. */
  abstract readEvents(aggregateId: string, range?: ReadRange): Promise<RecordedEvent[]>;

  /** What a command stored in an aggregate, as it was stored (not upcast), by version; empty when it has stored nothing there. */
  abstract readCommand(commandId: string, aggregateId: string): Promise<RecordedEvent[]>;

  /**
   * Every event as it was stored (not upcast), batch by batch, from one snapshot: what is committed when the first batch is asked for is in,
   * later events are not. Versions of one aggregate come in order. Holds a connection and a snapshot until the loop ends: for rebuilds.
   */
  abstract readAll(options?: ReadAllOptions): AsyncIterable<RecordedEvent[]>;
}
