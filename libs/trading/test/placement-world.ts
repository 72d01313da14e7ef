import {
  causedEventId,
  derivedId,
  placementIdFor,
  type Event,
  type RevisionTerms,
  type OrderChange,
  type RecordedEvent,
  type Step,
} from '@tradecore/events';
import { recordedSample, sampleTerms } from '@tradecore/events/testing';
import { zero } from '@tradecore/money';
import { Account, later, Order, OrderPlacement } from '../src/index.ts';
import { BrokerageLeg, type Traded } from './brokerage-revision.ts';

type StepEvent = Event<string, Step & Record<string, unknown>>;
interface Participant {
  readonly uncommittedEvents: readonly Event[];
}

const orderId = '0190a6e0-0000-7000-8000-00000000a001';
const accountId = '0190a6e0-0000-7000-8000-00000000acc0';

/**
 * One order, its account, its saga and its broker, and between them topics: ordered by aggregate, each delivery at any time after any other, some
 * twice. Nothing is lost for ever, as nothing is on a topic; an answer may come after its step was given up.
 */
export class PlacementWorld {
  readonly order = new Order(orderId);
  readonly account = new Account(accountId);
  readonly saga = new OrderPlacement(placementIdFor(orderId));
  readonly traded: Traded = { filled: zero, executionIds: [] };
  readonly revisions = new Map<string, BrokerageLeg>();
  /** Everything that the saga decided. */
  readonly decided: Event[] = [];
  /** Everything that the account booked. */
  readonly booked: Event[] = [];
  now = '2026-01-02T09:00:00.000Z';
  readonly #inbox = new Map<string, RecordedEvent[]>();
  readonly #steps = new Map<string, StepEvent[]>();
  readonly #handled = new Set<string>();
  readonly #versions = new Map<string, number>();
  #lastHeard: RecordedEvent | undefined;

  constructor(cash: string) {
    this.account.open({ owner: 'ada', currency: 'USD' });
    this.account.deposit(cash);
    this.account.markCommitted();
    const { clientOrderId: _, ...terms } = sampleTerms({ accountId });
    this.client(() => {
      this.order.place(terms);
      this.order.approve({ ...terms, reservePrice: '101.5' });
    });
  }

  /** The client does something; a refusal is an answer. */
  client(act: () => void): void {
    const before = this.order.uncommittedEvents.length;
    try {
      act();
    } catch {
      return;
    }
    this.#publish('Order', orderId, this.order.uncommittedEvents.slice(before));
  }

  requestReplace(quantity: string, limitPrice?: string): void {
    const changes = limitPrice === undefined ? { quantity } : { quantity, limitPrice };
    this.client(() => this.order.requestReplace(changes, { reservePrice: limitPrice ?? this.order.terms?.limitPrice ?? '0' }));
  }

  /** Everything that may happen next on the topics. */
  deliveries(): (() => void)[] {
    const waiting = (queues: ReadonlyMap<string, readonly unknown[]>) => [...queues].filter(([, each]) => each.length > 0);
    return [
      ...waiting(this.#inbox).map(
        ([source]) =>
          () =>
            this.#hear(this.#inbox.get(source)?.shift() as RecordedEvent),
      ),
      ...waiting(this.#steps).map(
        ([target]) =>
          () =>
            this.#handle(this.#steps.get(target)?.shift() as StepEvent),
      ),
    ];
  }

  /** The saga hears once more what it heard last. */
  repeat(): void {
    const before = this.saga.version;
    if (this.#lastHeard) this.#hear(this.#lastHeard);
    expect(this.saga.version).toBe(before);
  }

  /** The earliest deadline passes. */
  passTime(): void {
    if (this.saga.dueAt === undefined) return;
    this.now = later(this.saga.dueAt, 1);
    this.#decide(() => this.saga.wake(this.now));
  }

  #hear(event: RecordedEvent): void {
    this.#lastHeard = event;
    this.#decide(() => this.saga.hear(event, this.now));
  }

  #decide(act: () => void): void {
    const before = this.saga.uncommittedEvents.length;
    act();
    for (const event of this.saga.uncommittedEvents.slice(before)) {
      this.decided.push(event);
      const { target } = event.data as Partial<Step>;
      if (target !== undefined) this.#steps.set(target, [...(this.#steps.get(target) ?? []), event as StepEvent]);
    }
  }

  /** A participant handles a step once, whatever the attempt. */
  #handle({ type, data }: StepEvent): void {
    if (this.#handled.has(data.commandId)) return;
    this.#handled.add(data.commandId);
    if (type === 'OrderChangeAsked') return this.#tell(data);
    if (data.target === accountId) return this.#ask(type, data);
    this.#askRevision(type, data);
  }

  #tell({ change, commandId }: StepEvent['data']): void {
    const before = this.order.uncommittedEvents.length;
    this.order.tell(change as OrderChange);
    this.#publish('Order', orderId, this.order.uncommittedEvents.slice(before), commandId);
  }

  #ask(type: string, data: StepEvent['data']): void {
    const before = (this.account as Participant).uncommittedEvents.length;
    if (type === 'ReservationAsked') this.account.reserve(data as never);
    if (type === 'ReservationChangeAsked') this.account.changeReservation(data as never);
    if (type === 'SettlementAsked') this.account.settle(data as never);
    if (type === 'ReleaseAsked') this.account.release(data as never);
    const events = this.account.uncommittedEvents.slice(before);
    this.booked.push(...events);
    this.#publish('Account', accountId, events, data.commandId);
  }

  #askRevision(type: string, data: StepEvent['data']): void {
    const revision = this.#revision(data.target);
    const { target: _, commandId, attempt: _attempt, dueAt: _dueAt, ...terms } = data;
    if (type === 'SubmissionAsked') revision.submit(terms as unknown as RevisionTerms, commandId);
    if (type === 'ReplacementAsked') revision.replace(terms as unknown as RevisionTerms & { replaces: string }, commandId);
    if (type === 'CancellationAsked') revision.cancel(commandId);
  }

  #revision(id: string): BrokerageLeg {
    const known = this.revisions.get(id);
    if (known) return known;
    const emit = (revisionId: string, event: Event, commandId?: string) =>
      this.#publish('BrokerOrder', revisionId, [event], commandId);
    const revision = new BrokerageLeg(id, this.traded, this.revisions, emit);
    this.revisions.set(id, revision);
    return revision;
  }

  #publish(aggregateType: string, source: string, events: readonly Event[], commandId?: string): void {
    events.forEach((event, index) => {
      const version = (this.#versions.get(source) ?? 0) + 1;
      this.#versions.set(source, version);
      const id = commandId ? causedEventId(commandId, source, index) : derivedId('world', source, String(version));
      const changes = { id, aggregateType, aggregateId: source, aggregateVersion: version, sagaId: this.saga.id };
      this.#inbox.set(source, [...(this.#inbox.get(source) ?? []), recordedSample(event, changes)]);
    });
  }
}
