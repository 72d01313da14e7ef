import * as events from '@tradecore/events';
import type {
  AccountEvent,
  BrokerOrderEvent,
  Event,
  OrderEvent,
  OrderPlacementEvent,
  OrderTerms,
  RecordedEvent,
  ReplaceTerms,
  TextRef,
} from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { add, decimal, zero } from '@tradecore/money';
import {
  Account,
  decidePlacement,
  isTerminal,
  Order,
  OrderPlacement,
  orderPlacementProcess,
  reservationOf,
  submitStep,
  type PlacementInput,
} from '../src/index.ts';

export const orderId = '0190a6e0-0000-7000-8000-00000000a001';
export const accountId = sampleTerms().accountId;
const placementId = events.placementIdFor(orderId);
export const revisionId = (revision: number): string => events.brokerOrderIdFor(orderId, revision);

/** What one save stored in each of the three aggregates. */
export interface Save {
  readonly order: readonly OrderEvent[];
  readonly account: readonly AccountEvent[];
  readonly placement: readonly OrderPlacementEvent[];
}

/** One entry of a history: the input, the versions of the three, and the stored events. A door's save has no input. */
export interface Entry extends Save {
  readonly input?: RecordedEvent;
  /** For a deadline: the steps that the gateway has. */
  readonly received?: readonly string[];
  readonly now: string;
  readonly saw: { readonly order: number; readonly account: number; readonly placement: number };
}

/** How a story begins. */
interface StoryOptions {
  readonly terms?: Partial<OrderTerms>;
  readonly cash?: string;
  readonly shares?: string;
  readonly name?: string;
}

/** The brokerage's reports on a revision. */
export function broker(revision = 1) {
  const of = { orderId, accountId, revision };
  const traded = { ...of, symbol: 'ACME', side: 'buy' } as const;
  const execution = (executionId: string, quantity: string, price: string) => ({
    ...{ executionId, brokerageExecutionId: `at-${executionId}`, quantity, price },
    executedAt: '2026-01-02T09:00:00Z',
  });
  return {
    accepted: () => new events.BrokerOrderAccepted({ ...of, brokerageOrderId: `brokerage-${revision}`, found: false }),
    fill: (id: string, quantity: string, price = '101') =>
      new events.ExecutionReported({ ...traded, ...execution(id, quantity, price) }),
    bust: (executionId: string) =>
      new events.ExecutionBusted({ ...traded, executionId, brokerageExecutionId: `bust-${executionId}` }),
    correct: (id: string, quantity: string, price = '101') =>
      new events.ExecutionCorrected({ ...traded, ...execution(id, quantity, price) }),
    rejected: () => new events.BrokerOrderRejected({ ...of, code: '403', reason: 'power' }),
    lapsed: () => new events.BrokerOrderLapsed({ ...of, reason: 'trading-halted' }),
    expired: () => new events.BrokerOrderExpired({ ...of, filledQuantity: '0' }),
    canceled: (atBrokerage = true) => new events.BrokerOrderCanceled({ ...of, atBrokerage, filledQuantity: '0' }),
    unknown: () => new events.BrokerOutcomeUnknown({ ...of, attempt: 1, reason: 'timeout' }),
    unresolved: () => new events.BrokerOutcomeUnresolved({ ...of, attempts: 9, reason: 'no answer' }),
    cancelRejected: (answers?: string) =>
      new events.BrokerCancelRejected({ ...of, ...(answers !== undefined && { answers }), reason: 'too late' }),
    replaced: (by = revisionId(revision + 1)) => new events.BrokerOrderReplaced({ ...of, by, filledQuantity: '0' }),
    replaceRejected: () => new events.BrokerReplaceRejected({ ...of, reason: 'not now' }),
    doneForDay: () => new events.BrokerOrderDoneForDay(of),
    suspended: () => new events.BrokerOrderSuspended({ ...of, reason: 'volatility' }),
    resumed: () => new events.BrokerOrderResumed(of),
  };
}

/**
 * An order of ten ACME at 101.5 at most, with its account and its placement, as doors and saga store them; every
 * decision is checked against the invariants.
 */
export class PlacementStory {
  readonly order = new Order(orderId);
  readonly account = new Account(accountId);
  readonly placement = new OrderPlacement(placementId);
  readonly entries: Entry[] = [];
  now = '2026-01-02T09:00:00.000Z';
  readonly #versions = new Map<string, number>();
  #requests: RecordedEvent[] = [];

  private constructor(readonly name: string) {}

  /** The door placed it: approved, reserved, its submit step stored. `shares`: free ACME in the account. */
  static placed({ terms = {}, cash = '5000', shares, name = '' }: StoryOptions = {}): PlacementStory {
    const story = new PlacementStory(name);
    story.door(() => {
      story.account.open({ owner: 'ada', currency: 'USD' });
      story.account.deposit(cash);
    });
    if (shares !== undefined) story.#has(shares);
    const given = sampleTerms({ ...terms, accountId });
    const approval = { reservePrice: given.limitPrice ?? '105' };
    story.door(() => {
      story.order.place(given);
      story.order.approve(approval, story.account.version + 1);
      const reservation = story.order.state && reservationOf(story.order.state);
      if (reservation) story.account.reserve(reservation);
    }, [submitStep(orderId, given, approval, story.now)]);
    return story;
  }

  /** Placed, and acknowledged by the brokerage. */
  static working(options: StoryOptions = {}): PlacementStory {
    return PlacementStory.placed(options).handles(broker().accepted());
  }

  /** A door saves; a refusal is thrown and stores nothing. */
  door(act: () => void, placement: readonly OrderPlacementEvent[] = []): this {
    const saw = this.#versionsSeen();
    act();
    const stored = { order: [...this.order.uncommittedEvents], account: [...this.account.uncommittedEvents], placement };
    this.order.markCommitted();
    this.account.markCommitted();
    this.placement.replay(placement);
    this.#requests = stored.order.map((event, index) => this.#recordedRequest(event, saw.order + index + 1));
    this.entries.push({ now: this.now, saw, ...stored });
    return this;
  }

  /** The client requests a cancel that the saga has not handled. */
  asksToCancel(reason?: TextRef): this {
    return this.door(() => this.order.requestCancel(reason));
  }

  /** The client requests other terms and the account reserves the worst case; the saga has not handled it. */
  asksToReplace(changes: ReplaceTerms): this {
    return this.door(() => {
      const reservePrice = changes.limitPrice ?? this.order.state?.approval?.reservePrice ?? zero;
      this.order.requestReplace(changes, { reservePrice }, this.account.version + 1);
      const reservation = this.order.state && reservationOf(this.order.state);
      if (reservation) this.account.reserve(reservation);
    });
  }

  /** The saga handles the door's last event. */
  handlesRequest(): this {
    for (const request of this.#requests) if (orderPlacementProcess.idsOf(request)) this.#handle(request);
    return this;
  }

  cancel(reason?: TextRef): this {
    return this.asksToCancel(reason).handlesRequest();
  }

  replace(changes: ReplaceTerms): this {
    return this.asksToReplace(changes).handlesRequest();
  }

  /** The saga handles a report of the brokerage. */
  handles(event: Exclude<BrokerOrderEvent, events.ForeignOrderAdopted>): this {
    return this.#handle(this.#recorded('BrokerOrder', revisionId(event.data.revision), event));
  }

  /** The saga handles its last input again. */
  again(): this {
    const last = this.entries.findLast(({ input }) => input);
    return this.#handle(last?.input as RecordedEvent);
  }

  /** The earliest deadline without proof from a BrokerOrder passes; `received`: the steps that the gateway has. */
  untilDue(received: readonly string[] = []): this {
    const dueAt = this.dueAt;
    if (dueAt === undefined) throw new Error('nothing is due');
    return this.#onDeadline(dueAt, received);
  }

  /** The earliest deadline of any step passes, with or without proof. */
  onDeadline(): this {
    return this.#onDeadline(orderPlacementProcess.dueAt(this.placement as never, {}) ?? this.now, []);
  }

  /** The earliest deadline. */
  get dueAt(): string | undefined {
    return orderPlacementProcess.dueAt(this.placement as never, Object.fromEntries(this.#versions));
  }

  /** The events of the last save, in the order of order, account, placement. */
  get said(): readonly Event[] {
    const { order, account, placement } = this.entries.at(-1) as Entry;
    return [...order, ...account, ...placement];
  }

  /** The last save stored exactly these events: order, account, placement. */
  then(...types: readonly string[]): this {
    expect(this.said.map(({ type }) => type)).toEqual(types);
    return this;
  }

  /** The data of the last event of a type. */
  data(type: string): Readonly<Record<string, unknown>> {
    const all = this.entries.flatMap(({ order, account, placement }) => [...order, ...account, ...placement] as Event[]);
    const found = all.findLast((event) => event.type === type);
    if (!found) throw new Error(`there was no ${type}`);
    return found.data as Readonly<Record<string, unknown>>;
  }

  /** The last event of this type has this data. */
  saying(type: string, data: object): this {
    expect(this.data(type)).toMatchObject(data);
    return this;
  }

  /** The order has this status, and this money is available and reserved. */
  at(status: string, available: string, reserved: string): this {
    const money = [this.account.available('currency', 'USD'), this.account.reserved('currency', 'USD')];
    expect([this.order.status, ...money]).toEqual([status, available, reserved]);
    return this;
  }

  #onDeadline(now: string, received: readonly string[]): this {
    this.now = now;
    const saw = this.#versionsSeen();
    const stored = orderPlacementProcess.onDeadline(this.#participants(), new Set(received), now);
    return this.#store({ now, received, saw, ...saveOf(stored) });
  }

  #has(quantity: string): void {
    const gift = { orderId: 'gift', executionId: 'gift', symbol: 'ACME', side: 'buy', quantity, price: '0' } as const;
    const saw = this.#versionsSeen();
    const event = this.account.settling({ ...gift, executedAt: '2026-01-01T09:00:00Z' }, undefined);
    this.#store({ now: this.now, saw, order: [], account: [event], placement: [] });
  }

  #handle(input: RecordedEvent): this {
    const saw = this.#versionsSeen();
    expect(orderPlacementProcess.idsOf(input)).toEqual([orderId, accountId, placementId]);
    const participants = { order: this.order, account: this.account, placement: this.placement };
    const decision = decidePlacement(input as RecordedEvent<PlacementInput>, participants, this.now);
    expect(this.#versionsSeen()).toEqual(saw);
    return this.#store({ input, now: this.now, saw, ...decision });
  }

  #store(entry: Entry): this {
    this.order.replay(entry.order);
    this.account.replay(entry.account);
    this.placement.replay(entry.placement);
    this.entries.push(entry);
    expectSound(this, entry);
    return this;
  }

  #participants() {
    return [this.order, this.account, this.placement] as never;
  }

  #versionsSeen(): Entry['saw'] {
    return { order: this.order.version, account: this.account.version, placement: this.placement.version };
  }

  #recordedRequest(event: Event, version: number): RecordedEvent {
    this.#versions.set(orderId, version - 1);
    return this.#recorded('Order', orderId, event);
  }

  #recorded(aggregateType: string, aggregateId: string, event: Event): RecordedEvent {
    const aggregateVersion = (this.#versions.get(aggregateId) ?? 0) + 1;
    this.#versions.set(aggregateId, aggregateVersion);
    const { type, schemaVersion, data } = event;
    return {
      ...{ id: events.derivedId('story', aggregateId, String(aggregateVersion)), aggregateId, aggregateType, aggregateVersion },
      ...{ type, schemaVersion, data, time: this.now.replace('Z', '000Z') },
      ...{ correlationId: null, causationId: null, sagaId: null, metadata: { account: accountId } },
    };
  }
}

export const saveOf = ([order, account, placement]: readonly (readonly Event[])[]): Save => ({
  order: order as OrderEvent[],
  account: account as AccountEvent[],
  placement: placement as OrderPlacementEvent[],
});

/** The invariants after every save. */
export function expectSound(
  { order, account, placement }: Pick<PlacementStory, 'order' | 'account' | 'placement'>,
  save: Save,
): void {
  const { state } = order;
  if (!state) return;
  expect(account.reservation(orderId)).toEqual(reservationOf(state));
  for (const { data } of save.account) if ('postings' in data) expectBalanced(data.postings);
  if (isTerminal(state.status)) expect([account.reservation(orderId), placement.isEnded]).toEqual([undefined, true]);
  for (const event of save.order) {
    const { accountVersion } = event.data as events.Booked;
    expect([undefined, account.version]).toContain(accountVersion);
  }
  if (save.account.length > 0 && save.order.length > 0)
    expect(save.order.some(({ data }) => (data as events.Booked).accountVersion === account.version)).toBe(true);
}

function expectBalanced(postings: readonly events.Posting[]): void {
  const sums = new Map<string, string>();
  for (const { kind, unit, amount } of postings) {
    sums.set(`${kind} ${unit}`, add(decimal(sums.get(`${kind} ${unit}`) ?? zero), decimal(amount)));
  }
  expect([...sums.values()].filter((sum) => sum !== zero)).toEqual([]);
}
