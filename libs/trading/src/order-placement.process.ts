import type { AnyAggregate } from '@tradecore/event-sourcing';
import {
  brokerOrderIdFor,
  PlacementEnded,
  placementIdFor,
  PlacementStuck,
  RevisionEnded,
  type AccountEvent,
  type BrokerOrderEvent,
  type Execution,
  type ForeignOrderAdopted,
  type OrderApproved,
  type OrderCancelRequested,
  type OrderChange,
  type OrderEvent,
  type OrderPlacementEvent,
  type OrderReplaceRequested,
  type RecordedEvent,
} from '@tradecore/events';
import { compare, decimal } from '@tradecore/money';
import { Account } from './account.aggregate.ts';
import type { Settlement } from './account-entries.ts';
import { eventOf } from './order-changes.ts';
import { orderAfter, type OrderState } from './order-fold.ts';
import { OrderPlacement, type StepEvent } from './order-placement.aggregate.ts';
import { cancelStep, nextAttempt, replaceStep, stepRules } from './order-placement.steps.ts';
import { isTerminal } from './order-status.ts';
import { Order } from './order.aggregate.ts';
import { reservationOf } from './reservation.ts';

/** What the saga handles. */
export type PlacementInput =
  OrderApproved | OrderCancelRequested | OrderReplaceRequested | Exclude<BrokerOrderEvent, ForeignOrderAdopted>;

/** What follows from one input, stored in one save: the order's change, the money's move, and the saga's own step. */
export interface PlacementDecision {
  readonly order: readonly OrderEvent[];
  readonly account: readonly AccountEvent[];
  readonly placement: readonly OrderPlacementEvent[];
}

type Reactions = { readonly [E in PlacementInput as E['type']]: (decision: Decision, event: RecordedEvent<E>) => void };

const nothing = (): void => undefined;

/** What each input means; what follows from where the order stands then is `goOn`. `docs/order-saga.md` is printed from this table. */
export const reactions: Reactions = {
  // from the order's client: what is requested stands in the order
  OrderApproved: nothing,
  OrderCancelRequested: nothing,
  OrderReplaceRequested: nothing,
  // from the brokerage about a revision
  BrokerOrderAccepted: (decision, { aggregateId }) => decision.acknowledge(aggregateId),
  BrokerOutcomeUnknown: (decision, { aggregateId, data }) => decision.outcomeUnknown(aggregateId, data.reason),
  BrokerOutcomeUnresolved: (decision, { aggregateId, data }) => decision.unresolved(aggregateId, data.attempts),
  BrokerOrderDoneForDay: (decision, { aggregateId }) => decision.pass(aggregateId, { type: 'OrderDoneForDay', data: {} }),
  BrokerOrderSuspended: (decision, { aggregateId, data: { reason } }) =>
    decision.pass(aggregateId, { type: 'OrderSuspended', data: reason === undefined ? {} : { reason } }),
  BrokerOrderResumed: (decision, { aggregateId }) => decision.pass(aggregateId, { type: 'OrderResumed', data: {} }),
  BrokerCancelRejected: (decision, { aggregateId, data }) => decision.cancelRejected(aggregateId, data.answers, data.reason),
  BrokerReplaceRejected: (decision, { aggregateId, data }) => decision.replaceRejected(aggregateId, data.reason),
  BrokerOrderReplaced: (decision, { aggregateId, data }) => decision.replaced(aggregateId, data.by),
  // its executions
  ExecutionReported: (decision, { aggregateId, data }) => decision.executed(aggregateId, data),
  ExecutionBusted: (decision, { data, time }) => decision.busted(data.executionId, time),
  ExecutionCorrected: (decision, { data }) => decision.corrected(data),
  // its end; whether it had got to the brokerage counts for a revision that was to replace another
  BrokerOrderRejected: (decision, { aggregateId, data: { code, reason } }) =>
    decision.endRevision(aggregateId, { type: 'OrderRejected', data: { code, reason } }, false),
  BrokerOrderLapsed: (decision, { aggregateId, data }) => decision.endRevision(aggregateId, expired(data.reason), false),
  BrokerOrderExpired: (decision, { aggregateId }) => decision.endRevision(aggregateId, expired('time-in-force'), true),
  BrokerOrderCanceled: (decision, { aggregateId, data }) =>
    decision.endRevision(aggregateId, decision.canceled(), data.atBrokerage),
};

const expired = (reason: string) => ({ type: 'OrderExpired', data: { reason } }) as const;

/**
 * Decides what an input means at this moment (RFC 3339). Pure: the aggregates are read, and nothing is applied to them. The same input again, or one
 * that is older than what is known, comes to nothing.
 */
export function decidePlacement(
  input: RecordedEvent<PlacementInput>,
  { order, account, placement }: Participants,
  now: string,
): PlacementDecision {
  if (order.state === undefined || placement.version === 0) return { order: [], account: [], placement: [] };
  const decision = new Decision(order, order.state, placement, now);
  reactions[input.type](decision, input as never);
  decision.goOn();
  return decision.close(account);
}

/** The three aggregates of one order. */
export interface Participants {
  readonly order: Order;
  readonly account: Account;
  readonly placement: OrderPlacement;
}

/** What an execution does to the books: booked anew, taken back, or both. */
interface Booking {
  readonly reversed?: Settlement;
  readonly settled?: Settlement;
}

/** One decision while it is made: the events so far, and the order as they leave it. */
class Decision {
  readonly #orderEvents: OrderEvent[] = [];
  readonly #placementEvents: OrderPlacementEvent[] = [];
  #booking: Booking | undefined;

  constructor(
    private readonly order: Order,
    private state: OrderState,
    private readonly placement: OrderPlacement,
    private readonly now: string,
  ) {}

  /** The brokerage has this revision. */
  acknowledge(brokerOrderId: string): void {
    if (this.#isReplacement(brokerOrderId)) return this.#takeOver();
    const { revision } = this.state;
    if (revision === 1 && this.#isInForce(brokerOrderId))
      this.#change({ type: 'OrderAccepted', data: { revision, brokerOrderId } });
  }

  /** A call ended without an answer. What the brokerage has shown before is not unknown: the state table says so. */
  outcomeUnknown(brokerOrderId: string, reason: string): void {
    const revision = this.#isReplacement(brokerOrderId) ? this.state.requested?.revision : this.state.revision;
    if (revision === undefined || brokerOrderIdFor(this.order.id, revision) !== brokerOrderId) return;
    this.#change({ type: 'OrderOutcomeUnknown', data: { revision, reason } });
  }

  /** The gateway's budget is spent: the reservation stays, and an operator has to look. */
  unresolved(brokerOrderId: string, attempts: number): void {
    const isOurs = this.#isReplacement(brokerOrderId) || this.#isInForce(brokerOrderId);
    if (isOurs && this.state.status === 'unknown') this.#stuck('proof of what the brokerage has', attempts);
  }

  /** What the brokerage says of the revision in force and the order has to know. */
  pass(brokerOrderId: string, change: OrderChange): void {
    if (this.#isInForce(brokerOrderId)) this.#change(change);
  }

  /** The brokerage does not cancel it: the order goes on. An answer to an earlier request than the one that waits means nothing. */
  cancelRejected(brokerOrderId: string, answers: string | undefined, reason: string): void {
    if (!this.#isInForce(brokerOrderId) || this.state.cancelVersion === undefined) return;
    if (answers !== cancelStep(this.state, this.now).data.commandId) return;
    this.#change({ type: 'OrderCancelRejected', data: { reason } });
  }

  /** The brokerage does not take the new terms. */
  replaceRejected(brokerOrderId: string, reason: string): void {
    if (this.#isReplacement(brokerOrderId)) this.#rejectReplace(reason);
  }

  /** The revision in force was replaced: by ours, or by an order that is not ours, at which an operator has to look. */
  replaced(brokerOrderId: string, by: string): void {
    if (this.#isReplacement(by)) this.#takeOver();
    else if (this.#isInForce(brokerOrderId))
      this.#stuck('a revision that the brokerage replaced by an order that is not ours', 1);
  }

  /** An execution: a fact in every state, also when the saga has ended. */
  executed(brokerOrderId: string, { revision, ...report }: Execution & { readonly revision: number }): void {
    if (this.#isReplacement(brokerOrderId)) this.#takeOver();
    const { executionId, quantity, price, executedAt } = report;
    const execution = { executionId, quantity, price, executedAt };
    if (this.#change({ type: 'OrderExecuted', data: { revision, ...execution } }))
      this.#booking = { settled: this.#fill(execution) };
  }

  /** The brokerage took an execution back. */
  busted(executionId: string, executedAt: string): void {
    const was = this.order.executions.get(executionId);
    if (!this.#change({ type: 'OrderExecutionBusted', data: { executionId } }) || !was) return;
    this.#booking = { reversed: this.#fill({ executionId, executedAt, ...was }, was) };
  }

  /** The brokerage corrected an execution: what was booked is reversed, and the new figures are booked. */
  corrected({ executionId, quantity, price, executedAt }: Execution): void {
    const was = this.order.executions.get(executionId);
    const execution = { executionId, quantity, price, executedAt };
    if (!this.#change({ type: 'OrderExecutionCorrected', data: execution }) || !was) return;
    this.#booking = { reversed: this.#fill({ executionId, executedAt, ...was }, was), settled: this.#fill(execution) };
  }

  /** Why a revision was cancelled: because its client asked for it, or the brokerage did it by itself. */
  canceled(): OrderChange {
    if (this.state.canceling) return { type: 'OrderCanceled', data: {} };
    const atOnce = ['ioc', 'fok'].includes(this.state.terms.timeInForce);
    return { type: 'OrderCanceled', data: { reason: atOnce ? 'not traded at once' : 'by the brokerage' } };
  }

  /** A revision can trade no more. One that was to replace another and never got there leaves the old one in force. */
  endRevision(brokerOrderId: string, change: OrderChange, wasThere: boolean): void {
    if (this.#isReplacement(brokerOrderId)) {
      if (!wasThere) return this.#rejectReplace(reasonOf(change));
      this.#takeOver();
    }
    if (!this.#isInForce(brokerOrderId) || isTerminal(this.state.status)) return;
    if (!this.#isReplacing) return void this.#change(change);
    const { revision } = this.state;
    if (!this.placement.endingOf(revision)) this.#placementEvents.push(new RevisionEnded({ revision, change }));
  }

  /**
   * What follows from where the order stands now, whatever brought it there. While a replacement is at the gateway nothing does: only the brokerage's
   * word tells which revision lives.
   */
  goOn(): void {
    if (isTerminal(this.state.status) || this.#isReplacing) return;
    const ending = this.placement.endingOf(this.state.revision);
    const isWhole = compare(decimal(this.state.filled), decimal(this.state.quantity)) >= 0;
    if (ending || isWhole) {
      this.#rejectReplace('the order ended first');
      if (ending) this.#change(ending);
      return;
    }
    if (this.state.cancelVersion !== undefined) {
      this.#rejectReplace('the order is being cancelled');
      return this.#ask(cancelStep(this.state, this.now));
    }
    if (this.state.requested) this.#ask(replaceStep(this.state, this.now));
  }

  /** Ends the placement with its order, and moves the money: the books follow what the order recorded, and reserve what it needs now. */
  close(account: Account): PlacementDecision {
    const { status } = this.state;
    if (isTerminal(status) && !this.placement.isEnded) this.#placementEvents.push(new PlacementEnded({ outcome: status }));
    const events = this.#accountEvents(account);
    const accountVersion = account.version + events.length;
    const order = events.length === 0 ? this.#orderEvents : this.#orderEvents.map((event) => booked(event, accountVersion));
    return { order, account: events, placement: this.#placementEvents };
  }

  #accountEvents(account: Account): AccountEvent[] {
    const { id } = this.order;
    const reservation = reservationOf(this.state);
    const { reversed, settled } = this.#booking ?? {};
    if (reversed && settled) {
      return [account.reversing(reversed, account.reservation(id)), account.settling(settled, reservation)];
    }
    if (settled) return [account.settling(settled, reservation)];
    if (reversed) return [account.reversing(reversed, reservation)];
    const moved = account.reserving(id, reservation);
    return moved ? [moved] : [];
  }

  /** Changes the order where its state allows; false where the change means nothing. */
  #change(change: OrderChange): boolean {
    const event = eventOf(change, this.state, this.order.executions);
    if (!event) return false;
    this.#orderEvents.push(event);
    const version = this.order.version + this.#orderEvents.length;
    this.state = orderAfter(this.state, event, { orderId: this.order.id, version });
    return true;
  }

  #ask(step: StepEvent): void {
    if (!this.placement.hasAsked(step.data.commandId)) this.#placementEvents.push(step);
  }

  #stuck(waitingFor: string, attempts: number): void {
    if (!this.placement.isStuckOn(waitingFor)) this.#placementEvents.push(new PlacementStuck({ waitingFor, attempts }));
  }

  #takeOver(): void {
    const { requested, terms } = this.state;
    if (!requested) return;
    const { revision, quantity = terms.quantity, limitPrice = terms.limitPrice, stopPrice = terms.stopPrice } = requested;
    const prices = { ...(limitPrice !== undefined && { limitPrice }), ...(stopPrice !== undefined && { stopPrice }) };
    const brokerOrderId = brokerOrderIdFor(this.order.id, revision);
    this.#change({ type: 'OrderReplaced', data: { revision, brokerOrderId, quantity, ...prices } });
  }

  #rejectReplace(reason: string): void {
    const revision = this.state.requested?.revision;
    if (revision !== undefined) this.#change({ type: 'OrderReplaceRejected', data: { revision, reason } });
  }

  #fill(execution: Execution, booked?: Settlement['booked']): Settlement {
    const { executionId, quantity, price, executedAt } = execution;
    const { symbol, side } = this.state.terms;
    return {
      orderId: this.order.id,
      symbol,
      side,
      executionId,
      quantity,
      price,
      executedAt,
      ...(booked && { booked: valueIn(booked) }),
    };
  }

  #isInForce(brokerOrderId: string): boolean {
    return brokerOrderIdFor(this.order.id, this.state.revision) === brokerOrderId;
  }

  #isReplacement(brokerOrderId: string): boolean {
    return this.#isReplacing && brokerOrderIdFor(this.order.id, this.state.requested?.revision ?? 0) === brokerOrderId;
  }

  /** Whether a replacement is at the gateway. */
  get #isReplacing(): boolean {
    return this.state.requested !== undefined && this.placement.hasAsked(replaceStep(this.state, this.now).data.commandId);
  }
}

const valueIn = ({ notional, fee }: NonNullable<Settlement['booked']>) => ({ notional, fee });

const reasonOf = ({ data }: OrderChange): string => ('reason' in data && data.reason) || 'the brokerage did not take it';

/** The event with the version of the account that its money is in. */
function booked(event: OrderEvent, accountVersion: number): OrderEvent {
  if (event.type === 'OrderAccepted' || event.type === 'OrderOutcomeUnknown') return event;
  return new (event.constructor as new (data: unknown) => OrderEvent)({ ...event.data, accountVersion });
}

const participantsOf = ([order, account, placement]: readonly AnyAggregate[]): Participants => ({
  order: order as unknown as Order,
  account: account as unknown as Account,
  placement: placement as unknown as OrderPlacement,
});

/** The saga of orders as a process runtime takes it: whose events it handles, what follows, and what its deadlines mean. */
export const orderPlacementProcess = {
  aggregates: [Order, Account, OrderPlacement],

  /** Order, account and placement that an event concerns; undefined: it means nothing to the saga. */
  idsOf({ type, aggregateType, aggregateId, data, metadata }: RecordedEvent): readonly string[] | undefined {
    if (!Object.hasOwn(reactions, type)) return undefined;
    if (aggregateType === 'Order')
      return metadata.account === undefined ? undefined : [aggregateId, metadata.account, placementIdFor(aggregateId)];
    const { orderId, accountId } = data as { readonly orderId: string; readonly accountId: string };
    return [orderId, accountId, placementIdFor(orderId)];
  },

  decide(
    event: RecordedEvent,
    aggregates: readonly AnyAggregate[],
    now: string,
  ): readonly (readonly (OrderEvent | AccountEvent | OrderPlacementEvent)[])[] {
    const { order, account, placement } = decidePlacement(
      event as RecordedEvent<PlacementInput>,
      participantsOf(aggregates),
      now,
    );
    return [order, account, placement];
  },

  /** The earliest deadline of a step; a BrokerOrder that was heard of has been submitted, so that only a cancel can still be under way to it. */
  dueAt(process: AnyAggregate, heard: Readonly<Record<string, number>>): string | undefined {
    const waiting = openSteps(process).filter(({ type, data }) => type === 'CancelBrokerOrder' || !heard[data.target]);
    return waiting.map(({ data }) => data.dueAt).sort()[0];
  },

  openSteps: (process: AnyAggregate): readonly string[] => openSteps(process).map(({ data }) => data.commandId),

  /** Asks again for what the gateway does not have, within the budget and then slowly; says once that an operator has to look. */
  onDeadline(
    aggregates: readonly AnyAggregate[],
    received: ReadonlySet<string>,
    now: string,
  ): readonly (readonly OrderPlacementEvent[])[] {
    const { placement } = participantsOf(aggregates);
    const missing = openSteps(placement).filter(({ data }) => !received.has(data.commandId) && data.dueAt <= now);
    return [[], [], missing.flatMap((step) => [...stuckOn(step, placement), nextAttempt(step, now)])];
  },

  isEnded: (process: AnyAggregate): boolean => (process as unknown as OrderPlacement).isEnded,

  isStuck: (process: AnyAggregate): boolean => (process as unknown as OrderPlacement).isStuck,
} as const;

const openSteps = (process: unknown): readonly StepEvent[] => {
  const { isEnded, steps } = process as OrderPlacement;
  return isEnded ? [] : steps;
};

function stuckOn({ type, data: { attempt, commandId } }: StepEvent, placement: OrderPlacement): OrderPlacementEvent[] {
  if (attempt < stepRules.attempts || placement.isStuckOn(commandId)) return [];
  return [new PlacementStuck({ waitingFor: `the gateway to take ${type}`, attempts: attempt, commandId })];
}
