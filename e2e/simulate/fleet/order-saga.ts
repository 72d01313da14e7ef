import type { AnyAggregate } from '@tradecore/event-sourcing';
import { causedEventId, derivedId, placementIdFor, type Event, type RecordedEvent, type StepEvent } from '@tradecore/events';
import type { orderPlacementProcess } from '@tradecore/trading';
import { Account, Order, OrderPlacement } from '@tradecore/trading';
import type { Chance } from '../chance.ts';
import type { Clock } from '../clock.ts';
import type { Journal, Part } from './journal.ts';
import type { Consumer } from './transport.ts';

/** order-saga's process: the fleet's, or another in tests that show what the checks find. */
export type Process = Pick<typeof orderPlacementProcess, 'idsOf' | 'decide' | 'dueAt' | 'onDeadline'>;

/** What the saga needs from the world. */
export interface SagaWorld {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly journal: Journal;
  readonly process: Process;
  /** Whether the gateway has a step: a row for it, or its answer. */
  readonly received: (step: StepEvent['data']) => boolean;
  /** Share of decisions stored some milliseconds late, and the maximum delay. */
  readonly late: number;
  readonly slowest: number;
}

const classes = [Order, Account, OrderPlacement] as const;

/**
 * order-saga: hears each event once, stores its decisions over order, account and placement in one save, and checks at
 * a deadline whether the gateway has the step. Duplicates are recognised by the last version heard of each aggregate,
 * and by the ids of the events they caused.
 */
export class OrderSaga implements Consumer {
  readonly name = 'order-saga';
  /** By placement: the last version heard of its order and of each of its BrokerOrders. */
  readonly #heard = new Map<string, Record<string, number>>();
  readonly #timers = new Map<string, number>();
  /** By placement: the steps that the gateway is known to have. */
  readonly #received = new Map<string, ReadonlySet<string>>();
  /** Placements that started over: they may hear events again. */
  readonly #again = new Set<string>();
  readonly #world: SagaWorld;

  constructor(world: SagaWorld) {
    this.#world = world;
  }

  takes = ({ aggregateType }: RecordedEvent): boolean => aggregateType === 'Order' || aggregateType === 'BrokerOrder';

  keyOf = ({ aggregateId }: RecordedEvent): string => aggregateId;

  /** Handles an input, after any earlier ones of the same aggregate that it missed. */
  handle = (event: RecordedEvent): number | undefined => {
    const ids = this.#world.process.idsOf(event);
    const placementId = ids?.[2];
    if (!ids || placementId === undefined) return undefined;
    const { aggregateId, aggregateVersion } = event;
    const heard = this.#heardOf(placementId)[aggregateId] ?? 0;
    if (aggregateVersion <= heard) return undefined;
    this.#hear(this.#world.journal.historyOf(aggregateId).slice(heard, aggregateVersion - 1));
    return this.#decide(event, ids);
  };

  /**
   * Forgets what it heard of an order, as if its rows were lost; returns the point from which it hears everything
   * again.
   */
  forget(orderId: string): readonly string[] {
    const placementId = placementIdFor(orderId);
    const sources = Object.keys(this.#heard.get(placementId) ?? {});
    this.#heard.delete(placementId);
    this.#timers.delete(placementId);
    this.#received.delete(placementId);
    this.#again.add(placementId);
    return sources;
  }

  /** Hears missed events at once. */
  #hear(missed: readonly RecordedEvent[]): void {
    for (const event of missed) {
      const ids = this.#world.process.idsOf(event);
      if (ids) this.#store(event, ids, this.#eventsOf(event, this.#aggregatesOf(ids)));
    }
  }

  #decide(event: RecordedEvent, ids: readonly string[]): number | undefined {
    const { chance, clock, late, slowest } = this.#world;
    const aggregates = this.#aggregatesOf(ids);
    const decision = this.#eventsOf(event, aggregates);
    if (!chance.happens(late)) return void this.#store(event, ids, decision);
    const versions = aggregates.map(({ version }) => version);
    const after = chance.whole(1, slowest);
    clock.in(after, () => {
      // Another writer was faster, or it was heard meanwhile: the decision is discarded.
      const isStale = aggregates.some(({ version }, index) => version !== versions[index]);
      this.#store(event, ids, isStale ? this.#eventsOf(event, aggregates) : decision);
    });
    return after;
  }

  #eventsOf(event: RecordedEvent, aggregates: readonly AnyAggregate[]): readonly (readonly Event[])[] {
    return this.#world.process.decide(event, aggregates, this.#world.clock.time);
  }

  /** Stores a decision whole, with the version that was heard. */
  #store(event: RecordedEvent, ids: readonly string[], decision: readonly (readonly Event[])[]): void {
    const [, account, placementId] = ids as [string, string, string];
    const heard = this.#heardOf(placementId);
    if (event.aggregateVersion <= (heard[event.aggregateId] ?? 0)) return;
    heard[event.aggregateId] = event.aggregateVersion;
    this.#save(ids, decision, { commandId: event.id, causationId: event.id, sagaId: placementId, account });
    this.#setTimer(ids);
  }

  #save(ids: readonly string[], decision: readonly (readonly Event[])[], origin: Part['decided'][number]['origin']): void {
    if (decision.every((events) => events.length === 0)) return;
    const { journal } = this.#world;
    // An input repeated after the rows were lost is recognised by what it caused.
    const mayBeHeard = this.#again.has(ids[2] as string);
    if (mayBeHeard && ids.some((id) => journal.event(causedEventId(origin.commandId ?? '', id, 0)))) return;
    const parts: Part[] = [];
    classes.forEach((Class, index) => {
      const [id, events] = [ids[index] as string, decision[index] ?? []];
      if (events.length === 0) return;
      const { version } = journal.live(Class as unknown as Part['Class'], id);
      parts.push({ Class: Class as unknown as Part['Class'], id, expected: version, decided: [{ events, origin }] });
    });
    if (journal.save(parts).length > 0) throw new Error('what was read is what is there');
  }

  #setTimer(ids: readonly string[]): void {
    const { clock } = this.#world;
    const placementId = ids[2] as string;
    const dueAt = this.#dueAt(placementId);
    if (dueAt === undefined) return void this.#timers.delete(placementId);
    const due = Math.max(Date.parse(dueAt), clock.now + 1);
    if (this.#timers.get(placementId) === due) return;
    this.#timers.set(placementId, due);
    clock.at(due, () => {
      if (this.#timers.get(placementId) === due) this.#onDeadline(ids);
    });
  }

  #dueAt(placementId: string): string | undefined {
    const { journal, process } = this.#world;
    const placement = journal.live(OrderPlacement, placementId);
    return placement.isEnded ? undefined : process.dueAt(placement, this.#heardOf(placementId), this.#received.get(placementId));
  }

  /** First hears stored events that the topics did not deliver; then resends steps that the gateway does not have. */
  #onDeadline(ids: readonly string[]): void {
    const { clock, journal, process } = this.#world;
    const placementId = ids[2] as string;
    this.#timers.delete(placementId);
    const placement = journal.live(OrderPlacement, placementId);
    const heard = this.#heardOf(placementId);
    for (const source of [ids[0] as string, ...placement.steps.map(({ data }) => data.target)]) {
      this.#hear(journal.historyOf(source).slice(heard[source] ?? 0));
    }
    const due = this.#dueAt(placementId);
    if (due === undefined || due > clock.time) return this.#setTimer(ids);
    const received = new Set(placement.steps.flatMap(({ data }) => (this.#world.received(data) ? [data.commandId] : [])));
    this.#received.set(placementId, received);
    const decision = process.onDeadline(this.#aggregatesOf(ids), received, clock.time);
    const commandId = derivedId('deadline', placementId, String(placement.version));
    this.#save(ids, decision, { commandId, sagaId: placementId, account: ids[1] as string });
    this.#setTimer(ids);
  }

  #aggregatesOf(ids: readonly string[]): readonly AnyAggregate[] {
    const { journal } = this.#world;
    const [order, account, placement] = ids as [string, string, string];
    return [journal.live(Order, order), journal.live(Account, account), journal.live(OrderPlacement, placement)];
  }

  #heardOf(placementId: string): Record<string, number> {
    const known = this.#heard.get(placementId);
    if (known) return known;
    // Its keys are ids: an object with its own shape for each would cost more than the decision.
    const fresh = Object.create(null) as Record<string, number>;
    this.#heard.set(placementId, fresh);
    return fresh;
  }
}
