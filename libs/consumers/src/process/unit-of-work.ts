import { UnknownEvent, type Catalogue, type Event, type RecordedEvent } from '@tradecore/events';
import type { AnyAggregate, PartToSave, PostgresEventStore, WarmAggregate } from '@tradecore/event-sourcing';
import type { WorkContext } from '@tradecore/telemetry';
import { HalfApplied, parkedReason } from '../offsets/errors.ts';
import { causedBy, causedByDeadline, originOf } from './caused-by.ts';
import type { MessageParkReason, RecordOutcome } from './consumer-metrics.ts';
import { firstIds, inputOf, sagaOf, type Input } from './inputs.ts';
import type { ParkedMessage } from './parked-messages.ts';
import type { OpenStep, Process } from './process.ts';
import type { SagaChange, SagaOrigin, SagaRow } from './saga-rows.ts';

/** What is known before decisions are made. */
export interface Known {
  /** By id, as stored; an `Error` where history cannot be replayed. Decisions are recorded on them. */
  readonly aggregates: ReadonlyMap<string, WarmAggregate | Error>;
  /** Events that were looked up and exist. */
  readonly events: ReadonlyMap<string, RecordedEvent>;
  readonly rows: ReadonlyMap<string, SagaRow>;
  /** Sagas with parked messages. */
  readonly parked: Iterable<string>;
  /** By aggregate and version: events between what a saga has heard and what it hears now. */
  readonly missed: ReadonlyMap<string, ReadonlyMap<number, RecordedEvent>>;
  /** The database's time. */
  readonly now: string;
}

/** The dependencies of a unit of work. */
export interface UnitParts {
  readonly process: Process;
  readonly topics: readonly string[];
  readonly catalogue: Catalogue;
  readonly store: Pick<PostgresEventStore, 'prepare'>;
}

/** What was known is incomplete or outdated: it is read and decided again. */
export class Stale extends Error {
  override readonly name = 'Stale';
}

/** A saga as the decisions so far leave it. */
interface Saga {
  readonly row: SagaRow | undefined;
  readonly ids: readonly string[];
  readonly origin: SagaOrigin;
  heard: Record<string, number>;
  isTouched: boolean;
  /** It waits on without a deadline. */
  waitsOn: boolean;
  /** Steps that its deadline found on the other side: they need no deadline. */
  received: ReadonlySet<string>;
}

const none: ReadonlySet<string> = new Set();

/** The decisions of one transaction: made one after the other in memory, stored together. */
export class UnitOfWork {
  readonly outcomes: RecordOutcome[] = [];
  readonly parts: PartToSave[] = [];
  readonly messages: ParkedMessage[] = [];
  readonly reasons: MessageParkReason[] = [];
  private readonly sagas = new Map<string, Saga>();
  private readonly parked: Set<string>;

  constructor(
    private readonly work: UnitParts,
    private readonly known: Known,
  ) {
    this.parked = new Set(known.parked);
  }

  /** Decides about an input. Throws `HalfApplied`, `Stale`: then nothing of the unit may be stored. */
  hear(input: Input): void {
    this.outcomes.push(this.outcomeOf(input));
  }

  private outcomeOf(input: Input): RecordOutcome {
    const { event, fault } = input;
    if (fault !== undefined) return this.parked.has(sagaOf(input)) ? this.wait(input) : this.park(input, 'malformed', fault);
    const saga = this.sagaFor(sagaOf(input), input);
    if (event.aggregateVersion <= this.heardOf(saga, event.aggregateId) && !input.isAgain) return 'repeated';
    if (this.parked.has(sagaOf(input))) return this.wait(input);
    for (let version = this.heardOf(saga, event.aggregateId) + 1; version < event.aggregateVersion; version += 1) {
      this.hearMissed(saga, event.aggregateId, version);
      if (this.parked.has(sagaOf(input))) return this.wait(input);
    }
    return this.decide(input, saga);
  }

  /** Hears the events in between; those irrelevant to this saga only count. */
  private hearMissed(saga: Saga, aggregateId: string, version: number): void {
    const event = this.known.missed.get(aggregateId)?.get(version);
    if (!event) throw new Stale(`version ${version} of ${aggregateId} was not read`);
    const missed = inputOf(this.work.process, this.work.catalogue, event);
    if (missed && sagaOf(missed) === saga.ids.at(-1)) this.outcomes.push(this.decide(missed, saga));
    else this.heard(saga, event);
  }

  private decide(input: Input, saga: Saga): RecordOutcome {
    const { event, newest, ids } = input;
    if (newest instanceof Error) return this.park(input, newest instanceof UnknownEvent ? 'unknown-event' : 'malformed', newest);
    if (firstIds(input).some((id) => this.known.events.has(id))) {
      this.heard(saga, event);
      return 'repeated';
    }
    const aggregates = this.aggregatesOf(ids);
    if (aggregates instanceof Error) return this.park(input, 'history-unreadable', aggregates);
    let parts: Decided[];
    try {
      const decided = this.work.process.decide(newest, aggregates, this.known.now);
      parts = this.prepare(ids, aggregates, decided, causedBy(event, sagaOf(input)));
    } catch (error) {
      return this.park(input, 'handler-failed', error);
    }
    this.heard(saga, event);
    this.apply(saga, parts);
    return 'handled';
  }

  /**
   * A deadline that has passed; `received`: command ids that the other side has received. If it failed, returns why it
   * must be parked.
   */
  onDeadline(sagaId: string, received: ReadonlySet<string>): string | undefined {
    const { process } = this.work;
    const saga = this.known.rows.get(sagaId) && this.sagaFor(sagaId);
    if (!saga) return undefined;
    const aggregates = this.aggregatesOf(saga.ids);
    if (aggregates instanceof Error) return parkedReason('history-unreadable', aggregates);
    const own = aggregates.at(-1) as AnyAggregate;
    const open = process.openSteps(own);
    saga.isTouched = true;
    saga.received = received;
    if (open.length > 0 && open.every(({ commandId }) => received.has(commandId))) {
      saga.waitsOn = true;
      return undefined;
    }
    let parts: Decided[];
    try {
      const decided = process.onDeadline(aggregates, received, this.known.now);
      parts = this.prepare(saga.ids, aggregates, decided, causedByDeadline(sagaId, own.version, saga.origin));
    } catch (error) {
      return parkedReason('handler-failed', error);
    }
    this.apply(saga, parts);
    return this.isDue(sagaId) ? parkedReason('handler-failed', 'onDeadline did not move its deadline') : undefined;
  }

  /** Whether the deadline of a saga has passed, given all that it has heard. */
  isDue(sagaId: string): boolean {
    const saga = this.sagaFor(sagaId);
    const own = this.known.aggregates.get(sagaId);
    if (own instanceof Error) return true;
    if (!own || this.parked.has(sagaId) || this.work.process.isEnded(own.aggregate)) return false;
    const dueAt = this.work.process.dueAt(own.aggregate, saga.heard, saga.received);
    return dueAt !== undefined && Date.parse(dueAt) <= Date.parse(this.known.now);
  }

  /** Hears the stored events of an aggregate, up to a version. */
  catchUp(sagaId: string, aggregateId: string, to: number): void {
    const saga = this.sagaFor(sagaId);
    for (let version = this.heardOf(saga, aggregateId) + 1; version <= to && !this.parked.has(sagaId); version += 1) {
      this.hearMissed(saga, aggregateId, version);
    }
  }

  /** The steps of a saga that its deadline may ask again. */
  openSteps(sagaId: string): readonly OpenStep[] {
    const own = this.known.aggregates.get(sagaId);
    return !own || own instanceof Error ? [] : this.work.process.openSteps(own.aggregate);
  }

  /** Parks a deadline. */
  parkDeadline(sagaId: string, reason: string): void {
    this.parked.add(sagaId);
    this.reasons.push(reason.startsWith('history-unreadable') ? 'history-unreadable' : 'handler-failed');
    this.messages.push({ sagaId, targetId: sagaId, eventId: null, reason });
  }

  /** Marks the row, with its deadline, to be rewritten from the saga's current state. */
  touch(sagaId: string): void {
    this.sagaFor(sagaId).isTouched = true;
  }

  /** The rows as these decisions leave them; `suspended`: sagas that stay without a deadline. */
  changes(suspended: ReadonlySet<string> = new Set()): SagaChange[] {
    const newlyParked = new Set(this.messages.map(({ sagaId }) => sagaId));
    return [...this.sagas].flatMap(([sagaId, saga]) => {
      if (!saga.isTouched && !newlyParked.has(sagaId)) return [];
      const own = this.known.aggregates.get(sagaId);
      const change = !own || own instanceof Error ? undefined : this.changeOf(sagaId, saga, own.aggregate);
      if (!change) return [];
      const isSilent = this.parked.has(sagaId) || suspended.has(sagaId) || saga.waitsOn;
      return [isSilent ? { ...change, dueAt: null } : change];
    });
  }

  /** Undefined where there is no saga, or one that ended and has no row. */
  private changeOf(sagaId: string, { row, ids, heard, origin, received }: Saga, own: AnyAggregate): SagaChange | undefined {
    const { process } = this.work;
    const isEnded = process.isEnded(own);
    if (own.version === 0 || (isEnded && !row)) return undefined;
    return {
      sagaId,
      aggregateIds: ids,
      heard,
      origin,
      dueAt: process.dueAt(own, heard, received) ?? null,
      isStuck: process.isStuck(own),
      revision: row?.revision ?? 0,
      isEnded,
    };
  }

  /** Throws `Stale` where it has neither a row nor an input that begins it. */
  private sagaFor(sagaId: string, input?: Input): Saga {
    const known = this.sagas.get(sagaId);
    if (known) return known;
    const row = this.known.rows.get(sagaId);
    const begun = row ?? (input && { aggregateIds: input.ids, origin: originOf(input.event), heard: {} });
    if (!begun) throw new Stale(`${sagaId} has no row`);
    const { aggregateIds, origin, heard } = begun;
    const ids = input?.ids ?? aggregateIds;
    const saga = { row, ids, origin, heard: { ...heard }, isTouched: false, waitsOn: false, received: none };
    this.sagas.set(sagaId, saga);
    return saga;
  }

  private heardOf({ heard }: Saga, aggregateId: string): number {
    return heard[aggregateId] ?? 0;
  }

  private heard(saga: Saga, { aggregateId, aggregateVersion }: RecordedEvent): void {
    saga.heard[aggregateId] = Math.max(aggregateVersion, this.heardOf(saga, aggregateId));
    saga.isTouched = true;
  }

  private aggregatesOf(ids: readonly string[]): AnyAggregate[] | Error {
    const aggregates: AnyAggregate[] = [];
    for (const id of ids) {
      const found = this.known.aggregates.get(id);
      if (!found) throw new Stale(`${id} was not read`);
      if (found instanceof Error) return found;
      aggregates.push(found.aggregate);
    }
    return aggregates;
  }

  /** Names, checks and serialises the whole decision before any of it is applied. */
  private prepare(
    ids: readonly string[],
    aggregates: readonly AnyAggregate[],
    decided: readonly (readonly Event[])[],
    context: WorkContext,
  ): Decided[] {
    if (decided.length > ids.length) throw new TypeError(`a decision about ${decided.length} aggregates, of ${ids.length}`);
    return decided.flatMap((events, index) => {
      if (events.length === 0) return [];
      const [id, aggregate] = [ids[index] as string, aggregates[index] as AnyAggregate];
      const type = (this.work.process.aggregates[index] as { type: string }).type;
      const prepared = this.work.store.prepare({ type, id }, events, { context });
      return [{ aggregate, events, part: { type, id, expected: aggregate.version, events: prepared } }];
    });
  }

  private apply(saga: Saga, decided: readonly Decided[]): void {
    for (const { aggregate, events, part } of decided) {
      try {
        aggregate.record(events as never[]);
      } catch (error) {
        throw new HalfApplied(error instanceof Error ? error.message : String(error), { cause: error });
      }
      (this.known.aggregates.get(part.id) as WarmAggregate).lastEventId = part.events.at(-1)?.id ?? null;
      this.parts.push(part);
      this.movesAlong(saga, part);
    }
  }

  /** What the saga itself stores in an aggregate that it hears counts as heard, unless unheard events lie before it. */
  private movesAlong({ heard }: Saga, { type, id, expected, events }: PartToSave): void {
    const topic = this.work.catalogue[type]?.topic;
    if (topic !== undefined && this.work.topics.includes(topic) && (heard[id] ?? 0) === expected)
      heard[id] = expected + events.length;
  }

  private wait(input: Input): RecordOutcome {
    this.messages.push(messageOf(input));
    return 'waiting';
  }

  private park(input: Input, reason: MessageParkReason, error: unknown): RecordOutcome {
    this.parked.add(sagaOf(input));
    this.reasons.push(reason);
    this.messages.push({ ...messageOf(input), reason: parkedReason(reason, error) });
    return 'parked';
  }
}

/** What a decision adds to one aggregate. */
interface Decided {
  readonly aggregate: AnyAggregate;
  readonly events: readonly Event[];
  readonly part: PartToSave;
}

/** An input in the form in which its saga parks it. */
export const messageOf = (input: Input): ParkedMessage => ({
  sagaId: sagaOf(input),
  targetId: sagaOf(input),
  eventId: input.event.id,
  event: input.event,
});
