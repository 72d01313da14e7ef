import {
  CancelWished,
  RevisionEnded,
  PlacementStarted,
  ReplaceWished,
  type Execution,
  type OrderChange,
  type OrderApproved,
  type OrderReplaceRequested,
  type ReservationRefused,
} from '@tradecore/events';
import { compare, decimal, isPositive, multiply } from '@tradecore/money';
import { brokersWord, type PlacementRevision, type StepEvent } from './order-placement-state.ts';
import { PlacementSteps, stepRules } from './order-placement-steps.ts';

/** What the saga decides. Everything that may follow from more than one event stands in `goOn`. */
export abstract class PlacementDecisions extends PlacementSteps {
  /** The risk rules let the order pass: what it needs is reserved first. */
  protected start(orderId: string, approved: OrderApproved['data']): void {
    if (this.order !== undefined) return;
    this.apply(new PlacementStarted({ orderId, ...approved }));
    this.askReservation();
  }

  /** The reservation stands: the order goes to the broker, unless its client thought better of it. */
  protected submit(): void {
    if (this.cancelWish !== undefined) return this.finish({ type: 'OrderCanceled', data: {} });
    const { revision, brokerOrderId } = this.revision();
    this.askSubmission(this.revision());
    this.tell({ type: 'OrderSubmitted', data: { revision, brokerOrderId } }, revision);
  }

  /** The account has not what the order needs. */
  protected deny({ reason, needed, available }: ReservationRefused['data']): void {
    const detail = `The order needs ${needed}, and ${available} is available.`;
    this.finish({ type: 'OrderDenied', data: { rule: reason, detail, figures: { needed, available } } });
  }

  /** The client wants it cancelled; `version` of the order tells requests apart. */
  protected wishCancel(version: number): void {
    if (version <= this.wishVersion || this.outcome !== undefined) return;
    this.apply(new CancelWished({ version }));
    this.goOn();
  }

  /** The client wants other terms: the account holds the larger of both needs before the broker is asked. */
  protected wishReplace(request: OrderReplaceRequested['data'], version: number): void {
    if (version <= this.wishVersion) return;
    if (!this.isSent || this.outcome !== undefined) return this.refuseReplace(request.revision, 'the order had ended');
    this.apply(new ReplaceWished({ ...request, version }));
    this.goOn();
    if (this.replacement === undefined) return;
    if (this.needsMore(this.replacement)) this.askReservationFor(this.replacement, `need/${request.revision}`);
    else this.sendReplacement();
  }

  /** The account holds enough for the new terms: the broker is asked, unless the replace was given up meanwhile. */
  protected sendReplacement(): void {
    if (this.replacement === undefined || this.isReplacementSent) return;
    this.askReplacement(this.replacement, this.revision().brokerOrderId);
  }

  /** The account has not what the new terms need: the broker is not asked, the old terms go on. */
  protected keepOldTerms(reason: string): void {
    if (!this.isReplacementSent) this.giveUpReplacement(reason);
  }

  /** The broker does not take the new terms. */
  protected refuseRevision(brokerOrderId: string, reason: string): void {
    if (this.isReplacement(brokerOrderId)) this.giveUpReplacement(reason);
  }

  /** The broker has this revision. Of a replacement the order is told once, whatever shows it first: that it was replaced. */
  protected acknowledge(brokerOrderId: string): void {
    if (this.isReplacement(brokerOrderId)) return this.takeOver();
    const { revision } = this.revision();
    if (revision > 1 || this.outcome !== undefined || !this.isInForce(brokerOrderId)) return;
    this.tell({ type: 'OrderAccepted', data: { revision, brokerOrderId } }, revision);
  }

  /** A call ended without an answer. What the broker has shown before is not unknown. */
  protected lookOut(brokerOrderId: string, reason: string): void {
    const revision = this.unproven(brokerOrderId);
    if (revision !== undefined) this.tell({ type: 'OrderOutcomeUnknown', data: { revision, reason } }, revision);
  }

  /** Nobody found out what became of a call: the reservation stays, and somebody has to look. */
  protected callForHelp(brokerOrderId: string, attempts: number): void {
    const revision = this.unproven(brokerOrderId);
    if (revision !== undefined) this.stuck(brokersWord, attempts);
  }

  /** An execution: a fact in every state, also when the saga has ended. */
  protected settle(brokerOrderId: string, { revision, ...execution }: Execution & { readonly revision: number }): void {
    const { executionId, quantity, price, executedAt } = execution;
    if (this.isReplacement(brokerOrderId)) this.takeOver();
    this.tell({ type: 'OrderExecuted', data: { revision, executionId, quantity, price, executedAt } }, executionId);
    this.askSettlement(execution);
    this.goOn();
  }

  /** The broker took an execution back. The order's figures change; the account's books do not: they are reversed by hand. */
  protected bust({ executionId }: Pick<Execution, 'executionId'>): void {
    this.tell({ type: 'OrderExecutionBusted', data: { executionId } }, executionId);
    this.goOn();
  }

  /** The broker corrected an execution: as with a bust, the order's figures change. */
  protected correct({ executionId, quantity, price, executedAt }: Execution, eventId: string): void {
    this.tell({ type: 'OrderExecutionCorrected', data: { executionId, quantity, price, executedAt } }, eventId);
    this.goOn();
  }

  /** Why a revision was cancelled: because its client requested it, or the broker did it by itself. */
  protected canceled(): OrderChange {
    if (this.cancelWish !== undefined) return { type: 'OrderCanceled', data: {} };
    const atOnce = ['ioc', 'fok'].includes(this.known().timeInForce);
    return { type: 'OrderCanceled', data: { reason: atOnce ? 'what did not trade at once' : 'by the broker' } };
  }

  /** A revision can trade no more. One that was to replace another and never got there leaves the old one in force. */
  protected endRevision(brokerOrderId: string, change: OrderChange, wasThere: boolean): void {
    if (this.isReplacement(brokerOrderId)) {
      if (!wasThere) return this.giveUpReplacement(reasonOf(change));
      this.takeOver();
    }
    if (this.outcome !== undefined || this.ending !== undefined || !this.isInForce(brokerOrderId)) return;
    this.apply(new RevisionEnded({ revision: this.revision().revision, change }));
    this.goOn();
  }

  /** The revision in force was replaced: by ours, or by somebody else's order, which a person has to look at. */
  protected replacedBy(brokerOrderId: string, by: string): void {
    if (this.isReplacement(by)) this.takeOver();
    else if (this.isInForce(brokerOrderId)) this.stuck('a revision that the broker replaced by an order that is not ours', 1);
  }

  /** The broker does not cancel it: the order goes on. */
  protected keepOn(brokerOrderId: string, reason: string): void {
    const request = this.cancelWish;
    if (request === undefined || this.outcome !== undefined || !this.isInForce(brokerOrderId)) return;
    this.tell({ type: 'OrderCancelRejected', data: { reason } }, request);
  }

  /** What the broker says of the revision in force and the order has to know. */
  protected pass(brokerOrderId: string, change: OrderChange, eventId: string): void {
    if (this.outcome === undefined && this.isInForce(brokerOrderId)) this.tell(change, eventId);
  }

  /** A step is overdue: it is asked again within its budget, then taken back or called stuck and asked on, slowly. */
  protected insist(step: StepEvent): void {
    const { attempts, then } = stepRules[step.type];
    if (!this.isOpen(step)) return;
    if (step.data.attempt < attempts) return this.askAgain(step);
    if (then === 'deny the order') return this.takeBackReservation();
    const isUnsentReplace = this.replacement !== undefined && !this.isReplacementSent;
    if (then === 'keep the old terms' && isUnsentReplace) return this.keepOldTerms('the account did not answer');
    this.stuck(`an answer to ${step.type}`, step.data.attempt, step.data.commandId);
    this.askAgain(step);
  }

  /**
   * What follows from where the order stands now. While the broker decides about a replacement nothing does: only its word tells which revision lives.
   */
  private goOn(): void {
    if (!this.isSent || this.outcome !== undefined || this.isReplacementSent) return;
    const isWhole = !isPositive(this.openQuantity(this.revision()));
    if (isWhole || this.ending !== undefined) {
      this.abandonReplacement('the order ended first');
      return this.finish(isWhole ? undefined : this.ending);
    }
    if (this.cancelWish !== undefined) {
      this.abandonReplacement('the order is being cancelled');
      this.askCancellation(this.revision(), this.cancelWish);
    }
    if (this.replacement === undefined) this.fitReservation();
  }

  /** One terminal state: the order is told, except that it is filled, which it knows by its executions; what is left is released. */
  private finish(change: OrderChange | undefined): void {
    if (change !== undefined) this.tell(change);
    if (this.held !== undefined) this.askRelease();
  }

  /** The release follows the reservation on its way to the account, so it takes back one that is made late. */
  private takeBackReservation(): void {
    const detail = 'The account did not answer in time; nothing is reserved and nothing was sent.';
    const denied = { type: 'OrderDenied', data: { rule: 'reservation-unanswered', detail, figures: {} } } as const;
    this.finish(this.cancelWish === undefined ? denied : { type: 'OrderCanceled', data: {} });
  }

  private takeOver(): void {
    const { revision, brokerOrderId, quantity, limitPrice, stopPrice } = this.replacement as PlacementRevision;
    const prices = { ...(limitPrice !== undefined && { limitPrice }), ...(stopPrice !== undefined && { stopPrice }) };
    this.tell({ type: 'OrderReplaced', data: { revision, brokerOrderId, quantity, ...prices } }, revision);
    this.goOn();
  }

  private giveUpReplacement(reason: string): void {
    this.abandonReplacement(reason);
    this.goOn();
  }

  private abandonReplacement(reason: string): void {
    if (this.replacement !== undefined) this.refuseReplace(this.replacement.revision, reason);
  }

  private refuseReplace(revision: number, reason: string): void {
    this.tell({ type: 'OrderReplaceRejected', data: { revision, reason } }, revision);
  }

  /** Holds exactly what the terms in force need, after a replace that was made or given up. */
  private fitReservation(): void {
    const need = this.needOf(this.revision());
    if (this.held === undefined) return;
    if (this.held.quantity === need.quantity && this.held.unitPrice === need.unitPrice) return;
    this.askReservationFor(this.revision(), `fit/${this.lastRevision}`);
  }

  /** Whether new terms need more than is held: for a buy money, for a sell shares. */
  private needsMore(next: PlacementRevision): boolean {
    const { unitPrice, quantity } = this.held ?? this.needOf(this.revision());
    const [open, nextOpen] = [this.openQuantity({ quantity }), this.openQuantity(next)];
    if (this.known().side === 'sell') return compare(nextOpen, open) > 0;
    return compare(multiply(nextOpen, decimal(next.reservePrice), 'up'), multiply(open, decimal(unitPrice), 'up')) > 0;
  }

  private revision(): PlacementRevision {
    return this.inForce as PlacementRevision;
  }

  private isInForce(brokerOrderId: string): boolean {
    return this.isSent && this.inForce?.brokerOrderId === brokerOrderId;
  }

  private isReplacement(brokerOrderId: string): boolean {
    return this.isReplacementSent && this.replacement?.brokerOrderId === brokerOrderId;
  }

  /** The number of a revision of which the broker has shown nothing yet. */
  private unproven(brokerOrderId: string): number | undefined {
    if (this.outcome !== undefined) return undefined;
    if (this.isReplacement(brokerOrderId)) return this.replacement?.revision;
    return this.isInForce(brokerOrderId) && !this.isProven ? this.inForce?.revision : undefined;
  }
}

const reasonOf = ({ data }: OrderChange): string => ('reason' in data && data.reason) || 'the broker did not take it';
