import type { Catalogue, RecordedEvent } from '@tradecore/events';
import type { DataSource } from 'typeorm';
import type { AggregateClass, AnyAggregate } from './base-aggregate.ts';
import { EventStore, type AsOf, type ReadAllOptions, type ReadRange, type Saved } from './event-store.ts';

/** What runs SQL in a caller's transaction: TypeORM's `EntityManager` or `QueryRunner`. Its transaction must be READ COMMITTED. */
export interface Transaction {
  query(sql: string, parameters?: unknown[]): Promise<unknown>;
}

/** What a PostgreSQL event store is made of. */
export interface EventStoreOptions {
  /** Its pool carries the appends: 2 connections of it at most at a time, and 1 for saves that wait for a lock. */
  readonly dataSource: DataSource;
  readonly catalogue: Catalogue;
  /** How long a save may take before it is refused, in milliseconds; 10,000 when absent. */
  readonly saveTimeoutMs?: number;
}

/** The event store on PostgreSQL. Concurrent saves of a process travel together; see docs/event-store.md. */
export abstract class PostgresEventStore extends EventStore {
  /**
   * The same store inside a caller's transaction: everything is decided when the caller commits. Locks wait (2 s each, then `Busy`), in the order
   * of ids within one call: save all aggregates in one `saveAggregates`. Anything but stored or repeated throws: roll back.
   */
  abstract within(transaction: Transaction): EventStore;

  /** Refuses new saves, waits for those under way. The DataSource stays open: it is the caller's. */
  abstract close(): Promise<void>;
}

/** Opens the event store on a DataSource that is already initialised. */
export function createEventStore(options: EventStoreOptions): PostgresEventStore {
  void options;
  throw new Error('unfinished');
}

export type { AggregateClass, AnyAggregate, AsOf, Catalogue, ReadAllOptions, ReadRange, RecordedEvent, Saved };
