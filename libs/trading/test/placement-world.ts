import {
  derivedId,
  placementIdFor,
  type Event,
  type OrderPlacementEvent,
  type RecordedEvent,
  type ReplaceTerms,
  type RevisionTerms,
  type StepEvent,
} from '@tradecore/events';
import { recordedSample, sampleTerms } from '@tradecore/events/testing';
import { isNegative, zero } from '@tradecore/money';
import { Account, later, Order, OrderPlacement, orderPlacementProcess, reservationOf, submitStep } from '../src/index.ts';
import { BrokerageRevision, type Trade } from './brokerage-revision.ts';
import { accountId, expectSound, orderId, saveOf, type Save } from './placement-story.ts';

/**
 * One order, its account, its placement and its brokerage, with topics between them: ordered by aggregate, but
 * deliveries of different aggregates interleave freely. A step that the gateway does not get is repeated. A second
 * handling stores nothing.
 */
export class PlacementWorld {
  readonly order = new Order(orderId);
  readonly account = new Account(accountId);
  readonly placement = new OrderPlacement(placementIdFor(orderId));
  readonly trades = new Map<string, Trade>();
  readonly revisions = new Map<string, BrokerageRevision>();
  readonly saves: Save[] = [];
  now = '2026-01-02T09:00:00.000Z';
  /**
   * A fill made available negative although the brokerage took no execution back: a limit order, replaced or not, never
   * does that. What it takes back of one revision it may fill in the next, and that fill may be heard first.
   */
  wasOverdrawn = false;
  #isTakenBack = false;
  readonly #inbox = new Map<string, RecordedEvent[]>();
  readonly #steps = new Map<string, StepEvent[]>();
  readonly #received = new Set<string>();
  readonly #versions = new Map<string, number>();
  readonly #handled: Record<string, number> = {};

  constructor(cash: string) {
    this.client(() => {
      this.account.open({ owner: 'ada', currency: 'USD' });
      this.account.deposit(cash);
    });
    const terms = sampleTerms({ accountId });
    const approval = { reservePrice: '101.5' };
    const placed = () => {
      this.order.place(terms);
      this.order.approve(approval);
      this.#reserve();
    };
    this.client(placed, [submitStep(orderId, terms, approval, this.now)]);
  }

  /** A door's save; a refusal stores nothing. */
  client(act: () => void, placement: readonly OrderPlacementEvent[] = []): void {
    const { order, account } = this;
    const before = [order.version, account.version];
    try {
      act();
    } catch {
      expect([order.version, account.version]).toEqual(before);
      return;
    }
    const stored = { order: [...order.uncommittedEvents], account: [...account.uncommittedEvents], placement };
    order.markCommitted();
    account.markCommitted();
    this.placement.replay(placement);
    this.#stored(stored);
    for (const event of stored.order) this.#publish('Order', orderId, event);
  }

  requestReplace(changes: ReplaceTerms): void {
    const reservePrice = changes.limitPrice ?? this.order.terms?.limitPrice ?? zero;
    // An order without enough money is refused before anything is applied, as the door does by deciding again.
    const needed = new Order(orderId).replay(this.#history('order'));
    this.client(() => {
      needed.requestReplace(changes, { reservePrice });
      const reservation = needed.state && reservationOf(needed.state);
      if (reservation) this.account.reserve(reservation);
      this.order.requestReplace(changes, { reservePrice }, this.account.version);
    });
  }

  /** Everything that may happen next on the topics. */
  deliveries(): (() => void)[] {
    const sources = [...this.#inbox]
      .filter(([, waiting]) => waiting.length > 0)
      .map(
        ([source]) =>
          () =>
            this.#handle(source),
      );
    const targets = [...this.#steps]
      .filter(([, waiting]) => waiting.length > 0)
      .map(
        ([target]) =>
          () =>
            this.#take(target),
      );
    return [...sources, ...targets];
  }

  /** A step is lost on its way to the gateway. */
  lose(pick: number): void {
    const waiting = [...this.#steps.values()].filter((each) => each.length > 0);
    waiting[pick % Math.max(waiting.length, 1)]?.shift();
  }

  /** The earliest deadline of a step that the gateway does not have. */
  get dueAt(): string | undefined {
    return orderPlacementProcess.dueAt(this.placement as never, this.#handled, this.#received);
  }

  /** The earliest deadline passes. */
  passTime(): void {
    const { dueAt } = this;
    if (dueAt === undefined) return;
    this.now = later(dueAt, 1);
    this.#save(saveOf(orderPlacementProcess.onDeadline(this.#aggregates, this.#received, this.now)));
  }

  #handle(source: string): void {
    const event = this.#inbox.get(source)?.shift() as RecordedEvent;
    this.#handled[source] = event.aggregateVersion;
    if (!orderPlacementProcess.idsOf(event)) return;
    const decide = () => orderPlacementProcess.decide(event, this.#aggregates, this.now);
    this.#save(saveOf(decide()));
    expect(decide()).toEqual([[], [], []]);
  }

  #save(save: Save): void {
    this.order.replay(save.order);
    this.account.replay(save.account);
    this.placement.replay(save.placement);
    this.#stored(save);
    expectSound(this, save);
  }

  #stored(save: Save): void {
    this.saves.push(save);
    this.wasOverdrawn ||= !this.#isTakenBack && isNegative(this.account.available('currency', 'USD'));
    for (const event of save.placement) {
      if (!('target' in event.data)) continue;
      const { target } = event.data;
      this.#steps.set(target, [...(this.#steps.get(target) ?? []), event as StepEvent]);
    }
  }

  /** The gateway takes a step once, whatever the attempt. */
  #take(target: string): void {
    const step = this.#steps.get(target)?.shift() as StepEvent;
    const { commandId } = step.data;
    if (this.#received.has(commandId)) return;
    this.#received.add(commandId);
    const revision = this.#revision(target);
    if (step.type === 'CancelBrokerOrder') revision.cancel(commandId);
    else revision.send(step.data as RevisionTerms);
  }

  #revision(id: string): BrokerageRevision {
    const known = this.revisions.get(id);
    if (known) return known;
    const revision = new BrokerageRevision(id, this.trades, this.revisions, (source, event) =>
      this.#publish('BrokerOrder', source, event),
    );
    this.revisions.set(id, revision);
    return revision;
  }

  #publish(aggregateType: string, aggregateId: string, event: Event): void {
    this.#isTakenBack ||= event.type === 'ExecutionBusted' || event.type === 'ExecutionCorrected';
    const aggregateVersion = (this.#versions.get(aggregateId) ?? 0) + 1;
    this.#versions.set(aggregateId, aggregateVersion);
    const id = derivedId('world', aggregateId, String(aggregateVersion));
    const recorded = recordedSample(event, {
      id,
      aggregateType,
      aggregateId,
      aggregateVersion,
      metadata: { account: accountId },
    });
    this.#inbox.set(aggregateId, [...(this.#inbox.get(aggregateId) ?? []), recorded]);
  }

  #reserve(): void {
    const reservation = this.order.state && reservationOf(this.order.state);
    if (reservation) this.account.reserve(reservation);
  }

  #history<K extends keyof Save>(of: K): Save[K] {
    return this.saves.flatMap((save) => save[of] as never[]) as unknown as Save[K];
  }

  get #aggregates() {
    return [this.order, this.account, this.placement] as never;
  }
}
