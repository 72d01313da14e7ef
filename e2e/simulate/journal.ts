import type { AggregateClass, AnyAggregate } from '@tradecore/event-sourcing';
import { causedEventId, type Event, type RecordedEvent } from '@tradecore/events';
import type { Clock } from './clock.ts';

/** Under what events are stored: what the runtimes of the fleet put into the context of a decision. */
export interface Origin {
  /** The command that causes them: their ids are derived from it, so that a repeat is recognised. */
  readonly commandId?: string;
  readonly sagaId?: string;
  readonly causationId?: string;
  readonly account?: string;
}

/**
 * An event store in memory: every event ever, by aggregate, and the aggregates as they stand. They are kept alive instead of being loaded for
 * each decision, which makes the simulation fast; the check at its end replays each of them and compares.
 */
export class Journal {
  readonly histories = new Map<string, RecordedEvent[]>();
  readonly aggregates = new Map<string, AnyAggregate>();
  readonly #ids = new Set<string>();
  readonly #clock: Clock;
  readonly #publish: (event: RecordedEvent) => void;
  #count = 0;

  constructor(clock: Clock, publish: (event: RecordedEvent) => void) {
    this.#clock = clock;
    this.#publish = publish;
  }

  /** Events stored so far. */
  get size(): number {
    return this.#count;
  }

  /** The aggregate as it stands; a fresh one where there is none. */
  load<A extends AnyAggregate>(Class: AggregateClass<A>, id: string): A {
    const known = this.aggregates.get(id) as A | undefined;
    if (known) return known;
    const fresh = new Class(id);
    this.aggregates.set(id, fresh);
    return fresh;
  }

  /** Whether the command was handled: its first event is stored. */
  isHandled(commandId: string, aggregateId: string): boolean {
    return this.#ids.has(this.#firstId(commandId, aggregateId));
  }

  #lastNamed = { commandId: '', aggregateId: '', id: '' };

  /** The id of the first event of a command: asked for twice in a row, and it takes a hash. */
  #firstId(commandId: string, aggregateId: string): string {
    const last = this.#lastNamed;
    if (last.commandId === commandId && last.aggregateId === aggregateId) return last.id;
    const id = causedEventId(commandId, aggregateId, 0);
    this.#lastNamed = { commandId, aggregateId, id };
    return id;
  }

  /** Stores what the aggregate has decided, and publishes it. Throws when an event id is stored already: somebody decided twice. */
  save(aggregate: AnyAggregate, origin: Origin): number {
    const fresh = aggregate.uncommittedEvents;
    const { type } = aggregate.constructor as unknown as AggregateClass<AnyAggregate>;
    const history = this.#historyOf(aggregate.id);
    fresh.forEach((event, index) => {
      const recorded = this.#recorded(event, { aggregate, type, index, version: history.length + 1, origin });
      if (origin.commandId !== undefined) this.#mark(recorded);
      history.push(recorded);
    });
    aggregate.markCommitted();
    for (const event of history.slice(history.length - fresh.length)) this.#publish(event);
    return fresh.length;
  }

  /** Ids that derive from a command; others are counted, and can't repeat. */
  #mark({ id, type }: RecordedEvent): void {
    const before = this.#ids.size;
    if (this.#ids.add(id).size === before) throw new Error(`${type} ${id} is decided twice`);
  }

  /** Every event of a type of aggregate. */
  *eventsOf(type: string): Generator<RecordedEvent> {
    for (const history of this.histories.values()) if (history[0]?.aggregateType === type) yield* history;
  }

  #recorded(
    event: Event,
    at: { aggregate: AnyAggregate; type: string; index: number; version: number; origin: Origin },
  ): RecordedEvent {
    const { aggregate, type, index, version, origin } = at;
    const { commandId, sagaId = null, causationId = null, account } = origin;
    this.#count += 1;
    return {
      id: this.#idOf(commandId, aggregate.id, index),
      aggregateId: aggregate.id,
      aggregateType: type,
      aggregateVersion: version,
      type: event.type,
      schemaVersion: event.schemaVersion,
      data: event.data,
      time: this.#clock.time,
      correlationId: null,
      causationId,
      sagaId,
      metadata: account === undefined ? {} : { account },
    };
  }

  #idOf(commandId: string | undefined, aggregateId: string, index: number): string {
    if (commandId === undefined) return freshId(this.#count);
    return index === 0 ? this.#firstId(commandId, aggregateId) : causedEventId(commandId, aggregateId, index);
  }

  #historyOf(id: string): RecordedEvent[] {
    const known = this.histories.get(id);
    if (known) return known;
    const fresh: RecordedEvent[] = [];
    this.histories.set(id, fresh);
    return fresh;
  }
}

const freshId = (count: number): string => `00000000-0000-7000-8000-${count.toString(16).padStart(12, '0')}`;
