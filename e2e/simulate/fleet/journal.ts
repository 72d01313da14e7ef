import type { AggregateClass, AnyAggregate } from '@tradecore/event-sourcing';
import { catalogue, causedEventId, type Event, type RecordedEvent } from '@tradecore/events';
import type { Clock } from '../clock.ts';

/** The context under which events are stored, as set by the fleet's runtimes. */
export interface Origin {
  /** The command that causes them: their ids are derived from it, so that a repeat is recognised. */
  readonly commandId?: string;
  readonly sagaId?: string;
  readonly causationId?: string;
  readonly account?: string;
}

/** One decision's events for one aggregate. */
export interface Decided {
  readonly events: readonly Event[];
  readonly origin: Origin;
}

/**
 * One aggregate's share of a save. Without events it asserts: the save is stored only if the aggregate is at this
 * version.
 */
export interface Part<A extends AnyAggregate = AnyAggregate> {
  readonly Class: AggregateClass<A>;
  readonly id: string;
  readonly expected: number;
  readonly decided: readonly Decided[];
}

/** Sees each save that was stored, with its events. */
export type Stored = (events: readonly RecordedEvent[]) => void;

/**
 * An in-memory event store: all events by aggregate, and the current aggregates. These are kept alive instead of being
 * loaded for each decision, which makes the simulation fast; the check at its end replays them and compares.
 */
export class Journal {
  readonly histories = new Map<string, RecordedEvent[]>();
  /** The ids of aggregates by their type, in the order in which they began. */
  readonly ids = new Map<string, string[]>();
  readonly aggregates = new Map<string, AnyAggregate>();
  readonly #byId = new Map<string, RecordedEvent>();
  readonly #clock: Clock;
  readonly #stored: Stored;
  #count = 0;
  #conflicts = 0;

  constructor(clock: Clock, stored: Stored) {
    this.#clock = clock;
    this.#stored = stored;
  }

  /** Events stored so far. */
  get size(): number {
    return this.#count;
  }

  /** Saves refused because an aggregate was not at the version used in the decision. */
  get conflicts(): number {
    return this.#conflicts;
  }

  /** The current aggregate; a fresh one if there is none. Only `save` and `saveDecided` may change it. */
  live<A extends AnyAggregate>(Class: AggregateClass<A>, id: string): A {
    const known = this.aggregates.get(id) as A | undefined;
    if (known) return known;
    const fresh = new Class(id);
    this.aggregates.set(id, fresh);
    return fresh;
  }

  /** A copy to decide on, loaded as the store loads it: from a snapshot if the class has them. */
  load<A extends AnyAggregate>(Class: AggregateClass<A>, id: string): A {
    const known = this.aggregates.get(id);
    const copy = new Class(id);
    if (known === undefined || known.version === 0) return copy;
    if (!('toSnapshot' in known)) return copy.replay(this.historyOf(id) as never) as A;
    const snapshot = copy as unknown as { restore(state: unknown): void };
    snapshot.restore((known.toSnapshot as () => unknown)());
    copy.startAt(known.version);
    return copy;
  }

  /** Every event of an aggregate, oldest first. */
  historyOf(id: string): readonly RecordedEvent[] {
    return this.histories.get(id) ?? [];
  }

  /** A stored event, by primary key. */
  event(id: string): RecordedEvent | undefined {
    return this.#byId.get(id);
  }

  /**
   * Stores all parts or none. Returns the ids of the aggregates that are not at the expected version, none if it is
   * stored. Throws if an event id is already stored: the same was decided twice.
   */
  save(parts: readonly Part[]): readonly string[] {
    const conflicts = parts.filter(({ id, expected }) => (this.histories.get(id)?.length ?? 0) !== expected);
    if (conflicts.length > 0) {
      this.#conflicts += 1;
      return conflicts.map(({ id }) => id);
    }
    const stored: RecordedEvent[] = [];
    for (const part of parts) {
      const first = stored.length;
      this.#append(part, stored);
      if (stored.length > first) this.live(part.Class, part.id).replay(stored.slice(first) as never);
    }
    if (stored.length > 0) this.#stored(stored);
    return [];
  }

  /** Stores the decisions of live aggregates, all or none. */
  saveDecided(aggregates: readonly AnyAggregate[], origin: Origin): void {
    const stored: RecordedEvent[] = [];
    for (const aggregate of aggregates) {
      const events = aggregate.uncommittedEvents;
      if (events.length === 0) continue;
      const Class = aggregate.constructor as unknown as AggregateClass<AnyAggregate>;
      this.#append({ Class, id: aggregate.id, expected: aggregate.version, decided: [{ events, origin }] }, stored);
      aggregate.markCommitted();
    }
    if (stored.length > 0) this.#stored(stored);
  }

  #append({ Class: { type }, id, decided }: Part, stored: RecordedEvent[]): void {
    const history = this.histories.get(id) ?? this.#begin(type, id);
    for (const { events, origin } of decided) {
      for (let index = 0; index < events.length; index += 1) {
        const recorded = this.#record(events[index] as Event, { type, id, version: history.length + 1, index, origin });
        history.push(recorded);
        stored.push(recorded);
      }
    }
  }

  #begin(type: string, id: string): RecordedEvent[] {
    const history: RecordedEvent[] = [];
    this.histories.set(id, history);
    const ids = this.ids.get(type);
    if (ids) ids.push(id);
    else this.ids.set(type, [id]);
    return history;
  }

  #record(event: Event, place: Place): RecordedEvent {
    const { type, id, version, origin } = place;
    this.#count += 1;
    const recorded = {
      id: this.#idOf(event, place),
      aggregateId: id,
      aggregateType: type,
      aggregateVersion: version,
      type: event.type,
      schemaVersion: event.schemaVersion,
      data: event.data,
      time: this.#clock.time,
      correlationId: null,
      causationId: origin.causationId ?? null,
      sagaId: origin.sagaId ?? null,
      metadata: origin.account === undefined ? noMetadata : { account: origin.account },
    };
    const { size } = this.#byId;
    if (this.#byId.set(recorded.id, recorded).size === size) throw new Error(`${event.type} ${recorded.id} is decided twice`);
    return recorded;
  }

  /** Ids as in the store: from the catalogue's `idOf` if there is one, from the causing command, or fresh. */
  #idOf(event: Event, { type, id, index, origin: { commandId } }: Place): string {
    const named = catalogue[type]?.idOf?.(event, id);
    return named ?? (commandId === undefined ? freshId(this.#count) : causedEventId(commandId, id, index));
  }
}

interface Place {
  readonly type: string;
  readonly id: string;
  readonly version: number;
  readonly index: number;
  readonly origin: Origin;
}

const noMetadata = {};

const freshId = (count: number): string => `00000000-0000-7000-8000-${count.toString(16).padStart(12, '0')}`;
