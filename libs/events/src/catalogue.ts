import type { Event, EventClass } from './event.ts';
import { OrderCancelRequested, OrderPlaced } from './orders.ts';
import { topics } from './topics.ts';

/** Turns the data of one stored version into the next one's. */
export type Upcast = (data: Record<string, unknown>) => Record<string, unknown>;

/** One type of aggregate: where its events go, who alone may write them, and which they are. */
export interface AggregateDeclaration {
  /** Stored in `event_store.aggregate_type`. */
  readonly type: string;
  readonly topic: string;
  /** The service that may append its events. */
  readonly writer: string;
  readonly events: readonly EventClass[];
  /** By event type, then by the version that it starts from. */
  readonly upcasts?: Readonly<Record<string, Readonly<Record<number, Upcast>>>>;
  /** The key of the record on the topic; the aggregate's id when absent. */
  readonly keyOf?: (event: Event, aggregateId: string) => string;
}

/** Every type of aggregate by its name. */
export type Catalogue = Readonly<Record<string, AggregateDeclaration>>;

/** The fleet's aggregates. Stores, relays and projectors take it as a parameter, so that tests can bring their own. */
export const catalogue: Catalogue = {
  Order: {
    type: 'Order',
    topic: topics.orderEvents.name,
    writer: 'command-api',
    events: [OrderPlaced, OrderCancelRequested],
  },
};
