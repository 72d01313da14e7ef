import type { Event } from '@tradecore/events';
import type { SnapshotPolicy } from './load/snapshots.ts';
import { UnhandledEvent } from './store/store-errors.ts';

/** One `on<EventName>` method for every event of the union. */
export type Handlers<E extends Event> = { [Each in E as `on${Each['type']}`]: (event: Each) => void };

/** Any aggregate, where its events do not matter. */
export interface AnyAggregate {
  readonly id: string;
  readonly version: number;
  readonly uncommittedEvents: readonly Event[];
  replay(history: Iterable<never>): unknown;
  record(events: Iterable<never>): unknown;
  startAt(version: number): void;
  markCommitted(): void;
}

/**
 * The class of an aggregate: `type` is the stored name, a key of the catalogue, and never comes from
 * `constructor.name`.
 */
export interface AggregateClass<A extends AnyAggregate> {
  readonly type: string;
  /** Present if aggregates of this class are loaded from snapshots; the class then has `toSnapshot` and `restore`. */
  readonly snapshots?: SnapshotPolicy;
  new (id: string): A;
}

/**
 * State that only events change. Commands decide and `apply`; `on<EventName>` methods assign and never refuse.
 * It knows no database: an `EventStore` loads and saves it.
 */
export abstract class BaseAggregate<E extends Event> {
  #version = 0;
  #uncommitted: E[] = [];

  constructor(readonly id: string) {}

  /** Version after all events, uncommitted ones included; 0 before the first. */
  get version(): number {
    return this.#version;
  }

  /** Events applied since the aggregate was loaded or saved. */
  get uncommittedEvents(): readonly E[] {
    return this.#uncommitted;
  }

  /** Records a new event. A class that lacks a handler for any event of `E` does not compile. */
  protected apply(this: BaseAggregate<E> & Handlers<E>, event: E): void {
    this.#handle(event);
    this.#uncommitted.push(event);
  }

  /** Replays history. A method, because a subclass's fields are set only after this constructor. */
  replay(history: Iterable<E>): this {
    if (this.#uncommitted.length > 0)
      throw new Error(`${this.constructor.name} ${this.id} has uncommitted events: history comes first`);
    for (const event of history) this.#handle(event);
    return this;
  }

  /**
   * Applies events that were decided outside the aggregate and count as committed: they are stored, or will be in the
   * transaction in progress. A decision over several aggregates records on them only when it is final.
   */
  record(events: Iterable<E>): this {
    return this.replay(events);
  }

  /** A snapshot set the state after this version: history continues from there. Called by the store. */
  startAt(version: number): void {
    if (this.#version > 0) throw new Error(`${this.constructor.name} ${this.id} has events: a snapshot comes first`);
    this.#version = version;
  }

  /** Forgets the uncommitted events: they are stored. Called by the store. */
  markCommitted(): void {
    this.#uncommitted = [];
  }

  #handle(event: E): void {
    const handler: unknown = Reflect.get(this, handlerOf(event.type));
    if (typeof handler !== 'function') throw new UnhandledEvent(this.constructor.name, event.type);
    handler.call(this, event);
    this.#version += 1;
  }
}

/**
 * Handler names by event type: a name concatenated anew must be looked up among all names at each event of a replay.
 */
const handlers = new Map<string, string>();

function handlerOf(type: string): string {
  const known = handlers.get(type);
  if (known !== undefined) return known;
  const name = `on${type}`;
  handlers.set(type, name);
  return name;
}
