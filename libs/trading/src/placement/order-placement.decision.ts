import {
  brokerOrderIdFor,
  PlacementEnded,
  PlacementStuck,
  RevisionEnded,
  type AccountEvent,
  type Execution,
  type OrderChange,
  type OrderEvent,
  type OrderPlacementEvent,
  type StepEvent,
} from '@tradecore/events';
import { compare, decimal } from '@tradecore/money';
import type { Settlement } from '../account/account-entries.ts';
import type { Account } from '../account/account.aggregate.ts';
import { eventOf } from '../order/order-changes.ts';
import { orderAfter, type OrderState } from '../order/order-fold.ts';
import type { OrderPlacement } from './order-placement.aggregate.ts';
import { cancelCommandId, cancelStep, replaceCommandId, replaceStep, resumedAfter, termsOf } from './order-placement.steps.ts';
import type { Pause } from '../order/order-states.ts';
import { isTerminal } from '../order/order-status.ts';
import type { Order } from '../order/order.aggregate.ts';
import { reservationOf } from '../account/reservation.ts';

/** The three aggregates of one order. */
export interface Participants {
  readonly order: Order;
  readonly account: Account;
  readonly placement: OrderPlacement;
}

/** The result of one input, stored in one save: the order's change, the money's move, and the saga's step. */
export interface PlacementDecision {
  readonly order: readonly OrderEvent[];
  readonly account: readonly AccountEvent[];
  readonly placement: readonly OrderPlacementEvent[];
}

/** The effect of an execution on the books: booked, taken back, or both. */
interface Booking {
  readonly reversed?: Settlement;
  readonly settled?: Settlement;
}

const replacedBy = (id: string): string => `the end of the order that the brokerage put in the place of this one unasked: ${id}`;
const proofOf = (revision: number): string => `proof of what the brokerage has of revision ${revision}`;

/** One decision in progress: the events so far, and the order after them. `source` is the aggregate of the input. */
export class Decision {
  readonly #orderEvents: OrderEvent[] = [];
  readonly #placementEvents: OrderPlacementEvent[] = [];
  #booking: Booking | undefined;

  constructor(
    private readonly of: Participants,
    private state: OrderState,
    private readonly source: string,
    private readonly now: string,
  ) {}

  /** The brokerage has this revision. */
  acknowledge(brokerOrderId: string): void {
    if (this.#isReplacement(brokerOrderId)) return this.#takeOver();
    const { revision, acknowledged } = this.state;
    if (revision > 1 || acknowledged || !this.#isInForce(brokerOrderId)) return;
    this.#change({ type: 'OrderAccepted', data: { revision, brokerOrderId } });
  }

  /** A call ended without an answer. */
  outcomeUnknown(brokerOrderId: string, reason: string): void {
    const revision = this.#unproven(brokerOrderId);
    if (revision !== undefined) this.#change({ type: 'OrderOutcomeUnknown', data: { revision, reason } });
  }

  /** The gateway's budget is spent: the reservation stays, and an operator has to act. */
  unresolved(brokerOrderId: string, attempts: number): void {
    const revision = this.#unproven(brokerOrderId);
    if (revision !== undefined && revision === this.#waitsForProofOf) this.#stuck(proofOf(revision), attempts);
  }

  /** The brokerage is not working the revision in force for now. */
  pause(brokerOrderId: string, paused: Pause, reason?: string): void {
    if (!this.#isInForce(brokerOrderId) || this.state.paused === paused) return;
    if (paused === 'doneForDay') this.#change({ type: 'OrderDoneForDay', data: {} });
    else this.#change({ type: 'OrderSuspended', data: reason === undefined ? {} : { reason } });
  }

  /** The brokerage works the revision in force again. */
  resume(brokerOrderId: string): void {
    if (this.#isInForce(brokerOrderId) && this.state.paused) this.#change({ type: 'OrderResumed', data: {} });
  }

  /**
   * The brokerage does not cancel it: the order continues. An answer to an earlier request than the waiting one means
   * nothing.
   */
  cancelRejected(brokerOrderId: string, answers: string | undefined, reason: string): void {
    if (!this.#isInForce(brokerOrderId) || this.state.cancelVersion === undefined) return;
    if (answers === cancelCommandId(this.state)) this.#change({ type: 'OrderCancelRejected', data: { reason } });
  }

  /** The brokerage refuses the new terms. */
  replaceRejected(brokerOrderId: string, reason: string): void {
    if (this.#isReplacement(brokerOrderId)) this.#rejectReplace(reason);
  }

  /** The revision in force was replaced: by the requested one, or by another order, which calls for an operator. */
  replaced(brokerOrderId: string, by: string): void {
    if (this.#isReplacement(by)) this.#takeOver();
    else if (this.#isInForce(brokerOrderId) && !isTerminal(this.state.status)) this.#stuck(replacedBy(by), 1);
  }

  /** An execution: a fact in every state, even when the saga has ended. */
  executed(brokerOrderId: string, { revision, ...report }: Execution & { readonly revision: number }): void {
    if (this.#isReplacement(brokerOrderId)) this.#takeOver();
    const { executionId, quantity, price, executedAt } = report;
    const execution = { executionId, quantity, price, executedAt };
    if (this.#change({ type: 'OrderExecuted', data: { revision, ...execution } }))
      this.#booking = { settled: this.#fill(execution) };
  }

  /** The brokerage took an execution back. */
  busted(executionId: string, executedAt: string): void {
    const was = this.of.order.executions.get(executionId);
    if (!this.#amend({ type: 'OrderExecutionBusted', data: { executionId } }) || !was) return;
    this.#booking = { reversed: this.#fill({ executionId, executedAt, ...was }, was) };
  }

  /** The brokerage corrected an execution: the booking is reversed, and the new figures are booked. */
  corrected({ executionId, quantity, price, executedAt }: Execution): void {
    const was = this.of.order.executions.get(executionId);
    const execution = { executionId, quantity, price, executedAt };
    if (!this.#amend({ type: 'OrderExecutionCorrected', data: execution }) || !was) return;
    this.#booking = { reversed: this.#fill({ executionId, executedAt, ...was }, was), settled: this.#fill(execution) };
  }

  /** Why a revision was cancelled: its client requested it, or the brokerage did it unasked. */
  canceled(): OrderChange {
    if (this.state.canceling) return { type: 'OrderCanceled', data: {} };
    const atOnce = ['ioc', 'fok'].includes(this.state.terms.timeInForce);
    return { type: 'OrderCanceled', data: { reason: atOnce ? 'not traded at once' : 'by the brokerage' } };
  }

  /** A revision can trade no more. A replacement that never got to the brokerage leaves the old revision in force. */
  endRevision(brokerOrderId: string, change: OrderChange, wasThere: boolean): void {
    if (this.#isReplacement(brokerOrderId)) {
      if (!wasThere) return this.#rejectReplace(reasonOf(change));
      this.#takeOver();
    }
    if (isTerminal(this.state.status) || !(this.#isInForce(brokerOrderId) || this.#isInItsPlace(brokerOrderId))) return;
    if (this.#isReplacing) this.#endLater(change);
    else this.#change(change);
  }

  /**
   * Changes an execution. A revision that had filled trades no more, even if its replacement at the gateway is refused
   * later.
   */
  #amend(change: OrderChange): boolean {
    const wasWhole = this.#isWhole;
    if (!this.#change(change)) return false;
    const end = { type: 'OrderCanceled', data: { reason: 'filled, and taken back by the brokerage' } } as const;
    if (wasWhole && !this.#isWhole && this.#isReplacing) this.#endLater(end);
    return true;
  }

  /** Stores how the revision in force ended, in case its replacement is refused. */
  #endLater(change: OrderChange): void {
    const { revision } = this.state;
    if (!this.of.placement.endingOf(revision)) this.#placementEvents.push(new RevisionEnded({ revision, change }));
  }

  /**
   * What follows from the current state of the order, however it was reached. Nothing does while a replacement is at
   * the gateway: only the brokerage decides which revision lives.
   */
  goOn(): void {
    if (isTerminal(this.state.status) || this.#isReplacing) return;
    const ending = this.of.placement.endingOf(this.state.revision);
    if (ending || this.#isWhole) {
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

  /**
   * Ends the placement with its order, and moves the money: the books follow what the order recorded, and its
   * reservation is what it needs now.
   */
  close(): PlacementDecision {
    this.#closePlacement();
    const { account } = this.of;
    const events = this.#accountEvents(account);
    const accountVersion = account.version + events.length;
    const order = events.length === 0 ? this.#orderEvents : this.#orderEvents.map((event) => booked(event, accountVersion));
    return { order, account: events, placement: this.#placementEvents };
  }

  #closePlacement(): void {
    const { placement } = this.of;
    const { status } = this.state;
    if (isTerminal(status)) {
      if (!placement.isEnded) this.#placementEvents.push(new PlacementEnded({ outcome: status }));
      return;
    }
    for (const stuck of placement.stuck) {
      if (this.#isResolved(stuck)) this.#placementEvents.push(resumedAfter(stuck));
    }
  }

  /**
   * Whether the reason for an operator is resolved. A BrokerOrder with events shows that the gateway has the step that
   * sends it.
   */
  #isResolved({ waitingFor, commandId }: PlacementStuck['data']): boolean {
    if (commandId === undefined) {
      const proof = this.#waitsForProofOf;
      return !waitingFor.startsWith(replacedBy('')) && (proof === undefined || waitingFor !== proofOf(proof));
    }
    // A replace is requested only for a working order: earlier steps were taken.
    if (this.#placementEvents.some(({ type }) => type === 'ReplaceBrokerOrder')) return true;
    const step = this.of.placement.steps.find(({ data }) => data.commandId === commandId);
    if (step?.type !== 'CancelBrokerOrder') return step === undefined || step.data.target === this.source;
    return this.state.cancelVersion === undefined || cancelCommandId(this.state) !== commandId;
  }

  #accountEvents(account: Account): AccountEvent[] {
    const { id } = this.of.order;
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

  /** Changes the order if its state allows; false if the change means nothing. */
  #change(change: OrderChange): boolean {
    const { order } = this.of;
    const event = eventOf(change, this.state, order.executions);
    if (!event) return false;
    this.#orderEvents.push(event);
    this.state = orderAfter(this.state, event, { orderId: order.id, version: order.version + this.#orderEvents.length });
    return true;
  }

  #ask(step: StepEvent): void {
    if (!this.of.placement.hasStep(step.data.commandId)) this.#placementEvents.push(step);
  }

  #stuck(waitingFor: string, attempts: number): void {
    if (!this.of.placement.isStuckOn(waitingFor)) this.#placementEvents.push(new PlacementStuck({ waitingFor, attempts }));
  }

  #takeOver(): void {
    const { requested } = this.state;
    if (!requested) return;
    const { revision } = requested;
    const brokerOrderId = brokerOrderIdFor(this.of.order.id, revision);
    this.#change({ type: 'OrderReplaced', data: { revision, brokerOrderId, ...termsOf(requested, this.state.terms) } });
  }

  #rejectReplace(reason: string): void {
    const revision = this.state.requested?.revision;
    if (revision !== undefined) this.#change({ type: 'OrderReplaceRejected', data: { revision, reason } });
  }

  #fill(execution: Execution, booked?: Settlement['booked']): Settlement {
    const { executionId, quantity, price, executedAt } = execution;
    const { symbol, side } = this.state.terms;
    return {
      orderId: this.of.order.id,
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
    return brokerOrderIdFor(this.of.order.id, this.state.revision) === brokerOrderId;
  }

  /** Whether the brokerage put this revision, which was given up, in the place of the one in force. */
  #isInItsPlace(brokerOrderId: string): boolean {
    return this.of.placement.isStuckOn(replacedBy(brokerOrderId));
  }

  #isReplacement(brokerOrderId: string): boolean {
    return this.#isReplacing && brokerOrderIdFor(this.of.order.id, this.state.requested?.revision ?? 0) === brokerOrderId;
  }

  /** Whether all shares of the revision in force have traded. */
  get #isWhole(): boolean {
    return compare(decimal(this.state.filled), decimal(this.state.quantity)) >= 0;
  }

  /** Whether a replacement is at the gateway. */
  get #isReplacing(): boolean {
    const { requested } = this.state;
    return requested !== undefined && this.of.placement.hasStep(replaceCommandId(this.of.order.id, requested.revision));
  }

  /** The number of the revision whose state at the brokerage is not proven yet. */
  get #waitsForProofOf(): number | undefined {
    if (this.#isReplacing) return this.state.requested?.revision;
    return this.state.status === 'unknown' ? this.state.revision : undefined;
  }

  /**
   * The number of this revision if it is unproven. A later revision in force was proven when it took over, even if the
   * events of its BrokerOrder are handled after those of the previous one.
   */
  #unproven(brokerOrderId: string): number | undefined {
    if (this.#isReplacement(brokerOrderId)) return this.state.requested?.revision;
    const isProven = this.state.revision > 1 || this.state.acknowledged || this.of.order.executions.size > 0;
    return !isProven && this.#isInForce(brokerOrderId) ? 1 : undefined;
  }
}

const valueIn = ({ notional, fee }: NonNullable<Settlement['booked']>) => ({ notional, fee });

/** Why a revision that never got to the brokerage does not replace another. */
const reasonOf = ({ type, data }: OrderChange): string =>
  type !== 'OrderCanceled' && 'reason' in data && data.reason ? data.reason : 'cancelled before it was sent';

/** The events of an order that may move money, and carry the version of the account. */
const movesMoney: ReadonlySet<OrderEvent['type']> = new Set([
  'OrderRejected',
  'OrderExecuted',
  'OrderExecutionBusted',
  'OrderExecutionCorrected',
  'OrderCanceled',
  'OrderReplaced',
  'OrderReplaceRejected',
  'OrderExpired',
]);

/** The event with the version of the account that has its money. */
function booked(event: OrderEvent, accountVersion: number): OrderEvent {
  if (!movesMoney.has(event.type)) return event;
  return new (event.constructor as new (data: unknown) => OrderEvent)({ ...event.data, accountVersion });
}
