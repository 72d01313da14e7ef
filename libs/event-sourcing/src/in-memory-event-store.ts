import type { Catalogue, RecordedEvent } from '@tradecore/events';
import type { AnyAggregate } from './base-aggregate.ts';
import { EventStore, type ReadRange, type Saved } from './event-store.ts';

/** An event store in memory, for unit tests: the same promises (one conformance suite), nothing durable. */
export abstract class InMemoryEventStore extends EventStore {
  constructor(protected readonly catalogue: Catalogue) {
    super();
  }
}
export type { AnyAggregate, ReadRange, RecordedEvent, Saved };
