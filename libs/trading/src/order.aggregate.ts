import { BaseAggregate } from '@tradecore/event-sourcing';
import type {
  OrderAccepted,
  OrderCanceled,
  OrderCancelRejected,
  OrderDoneForDay,
  OrderExecuted,
  OrderExecutionBusted,
  OrderExecutionCorrected,
  OrderExpired,
  OrderOutcomeUnknown,
  OrderRejected,
  OrderReplaced,
  OrderReplaceRejected,
  OrderSubmitted,
  OrderSuspended,
} from '@tradecore/events';
import {
  OrderCancelRequested,
  OrderChangeIgnored,
  OrderApproved,
  OrderDenied,
  OrderPlaced,
  OrderReplaceRequested,
  type Approval,
  type Denial,
  type OrderChange,
  type OrderEvent,
  type OrderTerms,
  type ReplaceTerms,
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
} from './order-errors.ts';
import { Executions } from './order-executions.ts';
import { orderStates, standingAfter, type OrderStanding } from './order-states.ts';
import type { OrdStatus } from './order-status.ts';
import { canonicalTerms, differingFields, termFaults } from './order-terms.ts';
import { toldEvent } from './order-told.ts';

/**
 * One client's order, under one id for its whole life. Clients request (`place`, `requestCancel`, `requestReplace`) and may be refused; the saga
 * tells (`tell`) and never is: what changes nothing is answered by `OrderChangeIgnored`. `orderStates` decides which is which.
 */
export class Order extends BaseAggregate<OrderEvent> {
  static readonly type = 'Order';

  private placed: OrderTerms | undefined;
  private current: OrderTerms | undefined;
  private standing: OrderStanding | undefined;
  private approved = false;
  private workingRevision = 1;
  private lastRevision = 1;
  private readonly executions = new Executions();

  /**
   * Accepts the order. The same terms again, decimals normalised, change nothing: no event, so that a client may repeat
   * for as long as it does not know. Throws `InvalidOrderTerms`, or `OrderAlreadyPlaced` for other terms under the same name.
   */
  place(terms: OrderTerms): void {
    const faults = termFaults(terms);
    if (faults.length > 0) throw new InvalidOrderTerms(faults);
    const asked = canonicalTerms(terms);
    if (this.placed === undefined) return this.apply(new OrderPlaced(asked));
    const differing = differingFields(this.placed, asked);
    if (differing.length > 0) throw new OrderAlreadyPlaced(this.id, differing);
  }

  /** The risk rules let it pass: its saga begins. Once, in the save that places it; throws `OrderAlreadyDecided`, `OrderNotFound`. */
  approve(data: OrderApproved['data']): void {
    this.mustBeUndecided();
    this.apply(new OrderApproved(data));
  }

  /** The risk rules refuse it. Once, in the save that places it; throws `OrderAlreadyDecided`, `OrderNotFound`. */
  deny(denial: Denial): void {
    this.mustBeUndecided();
    this.apply(new OrderDenied(denial));
  }

  /**
   * Asks to cancel: the broker decides. Throws `OrderNotFound` before it is placed, `CancelAlreadyRequested` while an answer is on its way,
   * `OrderNotCancelable` once it has ended.
   */
  requestCancel(reason?: string): void {
    const { canceling, status } = this.mustAllow('OrderCancelRequested');
    if (canceling) throw new CancelAlreadyRequested(this.id, status);
    this.apply(new OrderCancelRequested(reason === undefined ? {} : { reason }));
  }

  /**
   * The terms as they would be: what the risk rules have to see before `requestReplace`. Throws `OrderNotFound`, `OrderNotReplaceable`,
   * `ReplaceAlreadyRequested`, `InvalidOrderTerms`, `ReplaceBelowFilled`, `ReplaceChangesNothing`.
   */
  termsAfter(changes: ReplaceTerms): OrderTerms {
    this.mustAllow('OrderReplaceRequested');
    const before = this.current as OrderTerms;
    const asked = { ...before, ...changes };
    const faults = termFaults(asked);
    if (faults.length > 0) throw new InvalidOrderTerms(faults);
    const after = canonicalTerms(asked);
    if (compare(decimal(after.quantity), this.filledQuantity) <= 0) {
      throw new ReplaceBelowFilled(this.id, after.quantity, this.filledQuantity);
    }
    if (differingFields(before, after).length === 0) throw new ReplaceChangesNothing(this.id, changes);
    return after;
  }

  /** Asks for other terms, which the risk rules let pass: account and broker decide. Throws what `termsAfter` throws. */
  requestReplace(changes: ReplaceTerms, approval: Approval): void {
    const { quantity, limitPrice, stopPrice } = this.termsAfter(changes);
    const { referencePrice, referencePriceAt, reservePrice, collarPrice, goodUntil } = approval;
    this.apply(
      new OrderReplaceRequested({
        revision: this.lastRevision + 1,
        ...(changes.quantity !== undefined && { quantity }),
        ...(changes.limitPrice !== undefined && limitPrice !== undefined && { limitPrice }),
        ...(changes.stopPrice !== undefined && stopPrice !== undefined && { stopPrice }),
        reservePrice,
        ...(referencePrice !== undefined && { referencePrice }),
        ...(referencePriceAt !== undefined && { referencePriceAt }),
        ...(collarPrice !== undefined && { collarPrice }),
        ...(goodUntil !== undefined && { goodUntil }),
      }),
    );
  }

  /** Takes what the saga tells: exactly one event, `OrderChangeIgnored` where it changes nothing. Throws `OrderNotFound` before it is placed. */
  tell(change: OrderChange): void {
    const standing = this.mustBePlaced();
    const transition = orderStates[change.type][standing.status];
    const why = transition.act === 'ignore' ? transition.why : this.executions.objectionTo(change);
    if (why !== undefined) return this.apply(new OrderChangeIgnored({ change: change.type, reason: why }));
    this.apply(toldEvent(change, standing, this.executions));
  }

  /** Where it stands; undefined before it is placed. */
  get status(): OrdStatus | undefined {
    return this.standing?.status;
  }

  /** The terms in force: as placed, or as last replaced; undefined before it is placed. */
  get terms(): OrderTerms | undefined {
    return this.current;
  }

  /** The account that owns the order; undefined before it is placed. */
  get accountId(): string | undefined {
    return this.placed?.accountId;
  }

  /** Shares that have traded, in all revisions. */
  get filledQuantity(): Decimal {
    return decimal(this.standing?.filled ?? zero);
  }

  /** Number of the revision whose terms are in force. */
  get revision(): number {
    return this.workingRevision;
  }

  onOrderPlaced(event: OrderPlaced): void {
    this.placed = event.data;
    this.current = event.data;
    this.move(event);
  }

  onOrderApproved(event: OrderApproved): void {
    this.approved = true;
    this.move(event);
  }

  onOrderDenied(event: OrderDenied): void {
    this.move(event);
  }

  onOrderSubmitted(event: OrderSubmitted): void {
    this.move(event);
  }

  onOrderAccepted(event: OrderAccepted): void {
    this.move(event);
  }

  onOrderRejected(event: OrderRejected): void {
    this.move(event);
  }

  onOrderOutcomeUnknown(event: OrderOutcomeUnknown): void {
    this.move(event);
  }

  onOrderExecuted(event: OrderExecuted): void {
    this.executions.set(event.data);
    this.move(event);
  }

  onOrderExecutionBusted(event: OrderExecutionBusted): void {
    const { executionId, was } = event.data;
    this.executions.set({ executionId, quantity: zero, price: was.price });
    this.move(event);
  }

  onOrderExecutionCorrected(event: OrderExecutionCorrected): void {
    this.executions.set(event.data);
    this.move(event);
  }

  onOrderCancelRequested(event: OrderCancelRequested): void {
    this.move(event);
  }

  onOrderCancelRejected(event: OrderCancelRejected): void {
    this.move(event);
  }

  onOrderCanceled(event: OrderCanceled): void {
    this.move(event);
  }

  onOrderReplaceRequested(event: OrderReplaceRequested): void {
    this.lastRevision = event.data.revision;
    this.move(event);
  }

  onOrderReplaced(event: OrderReplaced): void {
    const { revision, brokerOrderId: _, ...terms } = event.data;
    this.workingRevision = revision;
    this.current = { ...(this.current as OrderTerms), ...terms };
    this.move(event);
  }

  onOrderReplaceRejected(event: OrderReplaceRejected): void {
    this.move(event);
  }

  onOrderExpired(event: OrderExpired): void {
    this.move(event);
  }

  onOrderDoneForDay(event: OrderDoneForDay): void {
    this.move(event);
  }

  onOrderSuspended(event: OrderSuspended): void {
    this.move(event);
  }

  onOrderChangeIgnored(event: OrderChangeIgnored): void {
    this.move(event);
  }

  private move(event: OrderEvent): void {
    this.standing = standingAfter(this.standing, event);
  }

  private mustBePlaced(): OrderStanding {
    if (this.standing === undefined) throw new OrderNotFound(this.id);
    return this.standing;
  }

  private mustBeUndecided(): void {
    const { status } = this.mustAllow('OrderApproved');
    if (this.approved) throw new OrderAlreadyDecided(this.id, status);
  }

  private mustAllow(request: 'OrderApproved' | 'OrderCancelRequested' | 'OrderReplaceRequested'): OrderStanding {
    const standing = this.mustBePlaced();
    const transition = orderStates[request][standing.status];
    if (transition.act !== 'refuse' || transition.code === 'order-already-placed') return standing;
    throw refusals[transition.code](this.id, standing.status, transition.why);
  }
}
