import { BaseAggregate } from '@tradecore/event-sourcing';
import {
  OrderApproved,
  OrderCancelRequested,
  OrderDenied,
  OrderPlaced,
  OrderReplaceRequested,
  type Approval,
  type Denial,
  type OrderAccepted,
  type OrderCanceled,
  type OrderCancelRejected,
  type OrderDoneForDay,
  type OrderEvent,
  type OrderExecuted,
  type OrderExecutionBusted,
  type OrderExecutionCorrected,
  type OrderExpired,
  type OrderOutcomeUnknown,
  type OrderRejected,
  type OrderReplaced,
  type OrderReplaceRejected,
  type OrderResumed,
  type OrderSuspended,
  type OrderTerms,
  type ReplaceTerms,
  type TextRef,
} from '@tradecore/events';
import { compare, decimal, zero, type Decimal } from '@tradecore/money';
import {
  CancelAlreadyRequested,
  InvalidOrderTerms,
  OrderAlreadyDecided,
  OrderAlreadyPlaced,
  OrderNotFound,
  refusals,
  ReplaceBelowFilled,
  ReplaceChangesNothing,
  TooManyRevisions,
} from './order-errors.ts';
import { Executions, type ExecutionFigures } from './order-executions.ts';
import { orderAfter, type OrderState } from './order-fold.ts';
import { orderStates } from './order-states.ts';
import type { OrdStatus } from './order-status.ts';
import { canonicalTerms, differingTerms, termFaults } from './order-terms.ts';

/** The state of an order as JSON, for snapshots. A change of shape raises `Order.snapshots.shape`. */
export interface OrderSnapshot {
  readonly state?: OrderState;
  readonly executions: readonly (readonly [string, ExecutionFigures])[];
}

/**
 * One client's order, under one id for its whole life. Client requests (`place`, `requestCancel`, `requestReplace`) may
 * be refused. order-saga decides what the brokerage's reports mean for it (`decidePlacement`) and is never refused.
 * `orderStates` gives each event its meaning.
 */
export class Order extends BaseAggregate<OrderEvent> {
  static readonly type = 'Order';
  /** An order that trades in thousands of parts loads from a snapshot and later events. */
  static readonly snapshots = { every: 100, shape: 1 };

  #state: OrderState | undefined;
  readonly #executions = new Executions();

  /**
   * Places the order. The same terms again, decimals normalised, store no event, so that a client may repeat until it
   * has an answer. Throws `InvalidOrderTerms`, or `OrderAlreadyPlaced` for other terms under the same client order id.
   */
  place(terms: OrderTerms): void {
    const faults = termFaults(terms);
    if (faults.length > 0) throw new InvalidOrderTerms(faults);
    const given = canonicalTerms(terms);
    if (this.#state === undefined) return this.apply(new OrderPlaced(given));
    const differing = differingTerms(this.#state.placed, given);
    if (differing.length > 0) throw new OrderAlreadyPlaced(this.id, differing);
  }

  /** Approves the order; `accountVersion` holds its reservation. Saved with `place`; throws `OrderAlreadyDecided`. */
  approve(approval: Approval, accountVersion?: number): void {
    this.#mustBeUndecided();
    this.apply(new OrderApproved({ ...approval, ...(accountVersion !== undefined && { accountVersion }) }));
  }

  /** Denies the order. Saved with `place`; throws `OrderAlreadyDecided`, `OrderNotFound`. */
  deny(denial: Denial): void {
    this.#mustBeUndecided();
    this.apply(new OrderDenied(denial));
  }

  /**
   * Requests a cancel; the brokerage decides. Throws `OrderNotFound` before it is placed, `CancelAlreadyRequested`
   * while an answer is on its way, `OrderNotCancelable` once it has ended.
   */
  requestCancel(reason?: TextRef): void {
    const { canceling, status } = this.#mustAllow('OrderCancelRequested');
    if (canceling) throw new CancelAlreadyRequested(this.id, status);
    this.apply(new OrderCancelRequested(reason === undefined ? {} : { reason }));
  }

  /**
   * The terms after the changes, for the risk rules to check before `requestReplace`. Throws `OrderNotFound`,
   * `OrderNotReplaceable`, `ReplaceAlreadyRequested`, `InvalidOrderTerms`, `ReplaceBelowFilled`,
   * `ReplaceChangesNothing`.
   */
  termsAfter(changes: ReplaceTerms): OrderTerms {
    this.#mustAllow('OrderReplaceRequested');
    const before = this.#mustBePlaced().terms;
    const given = { ...before, ...changes };
    const faults = termFaults(given);
    if (faults.length > 0) throw new InvalidOrderTerms(faults);
    const after = canonicalTerms(given);
    if (compare(decimal(after.quantity), this.filledQuantity) <= 0) {
      throw new ReplaceBelowFilled(this.id, after.quantity, this.filledQuantity);
    }
    if (differingTerms(before, after).length === 0) throw new ReplaceChangesNothing(this.id, changes);
    return after;
  }

  /**
   * Requests other terms that the risk rules approved; `accountVersion` holds the reservation for the worst case of
   * both. The brokerage decides. Throws what `termsAfter` throws, and `TooManyRevisions`.
   */
  requestReplace(changes: ReplaceTerms, approval: Approval, accountVersion?: number, maxRevisions = Infinity): void {
    const { quantity, limitPrice, stopPrice } = this.termsAfter(changes);
    const { lastRevision } = this.#mustBePlaced();
    if (lastRevision >= maxRevisions) throw new TooManyRevisions(this.id, lastRevision, maxRevisions);
    this.apply(
      new OrderReplaceRequested({
        revision: lastRevision + 1,
        ...(changes.quantity !== undefined && { quantity }),
        ...(changes.limitPrice !== undefined && limitPrice !== undefined && { limitPrice }),
        ...(changes.stopPrice !== undefined && stopPrice !== undefined && { stopPrice }),
        ...approval,
        ...(accountVersion !== undefined && { accountVersion }),
      }),
    );
  }

  /** Everything but its executions; undefined before it is placed. */
  get state(): OrderState | undefined {
    return this.#state;
  }

  /** What has traded. */
  get executions(): Executions {
    return this.#executions;
  }

  /** Its status; undefined before it is placed. */
  get status(): OrdStatus | undefined {
    return this.#state?.status;
  }

  /** The terms in force: as placed, or as last replaced; undefined before it is placed. */
  get terms(): OrderTerms | undefined {
    return this.#state?.terms;
  }

  /** The account that owns the order; undefined before it is placed. */
  get accountId(): string | undefined {
    return this.#state?.placed.accountId;
  }

  /** Shares that have traded, in all revisions. */
  get filledQuantity(): Decimal {
    return decimal(this.#state?.filled ?? zero);
  }

  /** Number of the revision whose terms are in force. */
  get revision(): number {
    return this.#state?.revision ?? 1;
  }

  /** The state, for a snapshot. */
  toSnapshot(): OrderSnapshot {
    return { ...(this.#state && { state: this.#state }), executions: this.#executions.entries() };
  }

  /** Restores the state of a snapshot. */
  restore({ state, executions }: OrderSnapshot): void {
    this.#state = state;
    for (const [executionId, figures] of executions) this.#executions.set(executionId, figures);
  }

  onOrderPlaced(event: OrderPlaced): void {
    this.#fold(event);
  }

  onOrderApproved(event: OrderApproved): void {
    this.#fold(event);
  }

  onOrderDenied(event: OrderDenied): void {
    this.#fold(event);
  }

  onOrderAccepted(event: OrderAccepted): void {
    this.#fold(event);
  }

  onOrderRejected(event: OrderRejected): void {
    this.#fold(event);
  }

  onOrderOutcomeUnknown(event: OrderOutcomeUnknown): void {
    this.#fold(event);
  }

  onOrderExecuted(event: OrderExecuted): void {
    this.#executions.set(event.data.executionId, event.data);
    this.#fold(event);
  }

  onOrderExecutionBusted(event: OrderExecutionBusted): void {
    const { executionId, was } = event.data;
    this.#executions.set(executionId, { ...was, quantity: zero });
    this.#fold(event);
  }

  onOrderExecutionCorrected(event: OrderExecutionCorrected): void {
    this.#executions.set(event.data.executionId, event.data);
    this.#fold(event);
  }

  onOrderCancelRequested(event: OrderCancelRequested): void {
    this.#fold(event);
  }

  onOrderCancelRejected(event: OrderCancelRejected): void {
    this.#fold(event);
  }

  onOrderCanceled(event: OrderCanceled): void {
    this.#fold(event);
  }

  onOrderReplaceRequested(event: OrderReplaceRequested): void {
    this.#fold(event);
  }

  onOrderReplaced(event: OrderReplaced): void {
    this.#fold(event);
  }

  onOrderReplaceRejected(event: OrderReplaceRejected): void {
    this.#fold(event);
  }

  onOrderExpired(event: OrderExpired): void {
    this.#fold(event);
  }

  onOrderDoneForDay(event: OrderDoneForDay): void {
    this.#fold(event);
  }

  onOrderSuspended(event: OrderSuspended): void {
    this.#fold(event);
  }

  onOrderResumed(event: OrderResumed): void {
    this.#fold(event);
  }

  #fold(event: OrderEvent): void {
    this.#state = orderAfter(this.#state, event, { orderId: this.id, version: this.version + 1 });
  }

  #mustBePlaced(): OrderState {
    if (this.#state === undefined) throw new OrderNotFound(this.id);
    return this.#state;
  }

  #mustBeUndecided(): void {
    const { approval, status } = this.#mustAllow('OrderApproved');
    if (approval) throw new OrderAlreadyDecided(this.id, status);
  }

  #mustAllow(request: 'OrderApproved' | 'OrderCancelRequested' | 'OrderReplaceRequested'): OrderState {
    const state = this.#mustBePlaced();
    const transition = orderStates[request][state.status];
    if (transition.act !== 'refuse' || transition.code === 'order-already-placed') return state;
    throw refusals[transition.code](this.id, state.status, transition.why);
  }
}
