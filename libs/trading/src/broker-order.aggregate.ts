import { BaseAggregate } from '@tradecore/event-sourcing';
import {
  BrokerCancelRejected,
  BrokerOrderAccepted,
  BrokerOrderCanceled,
  BrokerOrderDoneForDay,
  BrokerOrderExpired,
  BrokerOrderLapsed,
  BrokerOrderRejected,
  BrokerOrderReplaced,
  BrokerOrderSuspended,
  BrokerOrderUnchanged,
  BrokerOutcomeUnknown,
  BrokerOutcomeUnresolved,
  BrokerReplaceRejected,
  CancellationRequested,
  ExecutionBusted,
  ExecutionCorrected,
  ExecutionReported,
  ForeignOrderAdopted,
  ReplacementRequested,
  SubmissionRequested,
  type BrokerOrderEvent,
  type Execution,
  type RevisionTerms,
} from '@tradecore/events';
import { add, compare, decimal, isPositive, subtract, zero, type Decimal } from '@tradecore/money';
import type { BrokerageExecution, BrokerageOrder } from './brokerage-replies.ts';

/** How an ended revision ended. */
export type RevisionEnd = 'filled' | 'canceled' | 'expired' | 'replaced' | 'rejected' | 'lapsed';

/** How far a revision has got: `asked`: the intent is stored; `unknown`: a call ended without an answer; `working`: the broker has it. */
export type RevisionProgress = 'none' | 'asked' | 'unknown' | 'working' | RevisionEnd | 'foreign';

/**
 * One revision of an order at the broker: what we asked, what the broker said, each execution once. Its id is the `client_order_id` there.
 * Whatever is reported may be reported again, late, and in any order: what is known already changes nothing.
 */
export class BrokerOrder extends BaseAggregate<BrokerOrderEvent> {
  static readonly type = 'BrokerOrder';

  private state: RevisionProgress = 'none';
  private asked: (RevisionTerms & { readonly replaces?: string }) | undefined;
  private brokerageId: string | undefined;
  private carried: Decimal = zero;
  private executed: Decimal = zero;
  private readonly executions = new Map<string, Decimal>();
  private cancelWanted = false;
  private unresolvable = false;
  private pause: 'doneForDay' | 'suspended' | undefined;

  get progress(): RevisionProgress {
    return this.state;
  }

  /** What was asked; undefined before the first intent and for foreign orders. `replaces`: the BrokerOrder id of the revision before. */
  get terms(): (RevisionTerms & { readonly replaces?: string }) | undefined {
    return this.asked;
  }

  /** The broker's id, once it is known. */
  get brokerageOrderId(): string | undefined {
    return this.brokerageId;
  }

  /** Executed shares as the broker counts: those of the revisions before are in. */
  get filledQuantity(): string {
    return add(this.carried, this.executed);
  }

  /** A cancel was asked and is not answered yet. */
  get cancelRequested(): boolean {
    return this.cancelWanted;
  }

  /** The budget is spent, and the outcome is unknown still. */
  get isUnresolved(): boolean {
    return this.unresolvable;
  }

  /** Whether somebody has to attend to it: it is on its way to the broker or there. */
  get isOpen(): boolean {
    return this.state === 'asked' || this.state === 'unknown' || this.state === 'working';
  }

  /** Stores the intent to send it. */
  submit(terms: RevisionTerms): void {
    if (this.state === 'none') this.apply(new SubmissionRequested(terms));
    else this.unchanged('SubmissionAsked');
  }

  /** Stores the intent to replace the revision `replaces` by this one. */
  replace(terms: RevisionTerms & { readonly replaces: string }): void {
    if (this.state === 'none') this.apply(new ReplacementRequested(terms));
    else this.unchanged('ReplacementAsked');
  }

  /** Stores the intent to cancel; says at once when there is nothing to cancel any more. */
  cancel(): void {
    if (this.isOpen && this.cancelWanted) return this.unchanged('CancellationAsked');
    if (this.isOpen) return this.apply(new CancellationRequested({}));
    if (this.state !== 'none') return this.apply(new BrokerCancelRejected({ reason: `it is ${this.state}` }));
    this.apply(new CancellationRequested({}));
    this.apply(new BrokerOrderCanceled({ atBroker: false, filledQuantity: zero }));
  }

  /**
   * Takes over what the broker shows of it. `found`: it was looked up after an unknown outcome. `carried`: of a replacement, the shares that
   * the revisions before had traded when it took over; without it a replacement is not taken for accepted.
   * A terminal status counts only when all executions that the broker counts are known: see `lacks`.
   */
  learn(order: BrokerageOrder, { found = false, carried }: { readonly found?: boolean; readonly carried?: string } = {}): void {
    if (this.state === 'none' || this.state === 'foreign') return;
    if (this.brokerageId === undefined) this.accept(order, found, carried);
    if (this.state === 'working' && !this.lacks(order)) this.follow(order);
  }

  /** Whether the broker counts executions of it that are not stored yet. */
  lacks(order: BrokerageOrder): boolean {
    return compare(decimal(order.filledQuantity), add(this.carried, this.executed)) > 0;
  }

  /** An execution, once; in any state. */
  report({ executionId, brokerageExecutionId, quantity, price, executedAt }: BrokerageExecution): void {
    if (this.asked === undefined || this.executions.has(executionId)) return;
    const execution = { executionId, brokerageExecutionId, quantity, price, executedAt };
    this.apply(new ExecutionReported({ ...execution, ...ofOrder(this.asked) }));
  }

  /** The broker took an execution back. */
  bust(executionId: string): void {
    if (this.asked === undefined || !isPositive(this.executions.get(executionId) ?? zero)) return;
    this.apply(new ExecutionBusted({ executionId, ...ofOrder(this.asked) }));
  }

  /** The broker corrected an execution: these are its figures now. */
  correct({ executionId, quantity, price, executedAt }: Execution): void {
    if (this.asked === undefined || !isPositive(this.executions.get(executionId) ?? zero)) return;
    this.apply(new ExecutionCorrected({ executionId, quantity, price, executedAt, ...ofOrder(this.asked) }));
  }

  /** The broker refused to take it. */
  refuse(code: string, reason: string): void {
    if (!this.isUnproven) return;
    if (this.asked?.replaces === undefined) this.apply(new BrokerOrderRejected({ code, reason }));
    else this.apply(new BrokerReplaceRejected({ reason }));
  }

  /** A call ended without an answer. */
  outcomeUnknown(attempt: number, reason: string): void {
    if (this.state === 'asked') this.apply(new BrokerOutcomeUnknown({ attempt, reason }));
  }

  /** Looking up and sending again did not tell within the budget. */
  unresolved(attempts: number, reason: string): void {
    if (this.state === 'unknown' && !this.unresolvable) this.apply(new BrokerOutcomeUnresolved({ attempts, reason }));
  }

  /** It is surely not at the broker, and too late or too dear to send. */
  lapse(reason: 'time-in-force' | 'collar', lastPrice?: string): void {
    if (!this.isUnproven) return;
    if (this.asked?.replaces !== undefined) return this.apply(new BrokerReplaceRejected({ reason: `lapsed: ${reason}` }));
    this.apply(new BrokerOrderLapsed({ reason, ...(lastPrice !== undefined && { lastPrice }) }));
  }

  /** It is surely not at the broker, and a cancel was asked: it is not sent any more. */
  withdraw(): void {
    if (!this.isUnproven) return;
    if (this.asked?.replaces !== undefined)
      return this.apply(new BrokerReplaceRejected({ reason: 'canceled before it was sent' }));
    this.apply(new BrokerOrderCanceled({ atBroker: false, filledQuantity: zero }));
  }

  /** The broker does not cancel it. */
  rejectCancel(reason: string): void {
    if (this.isOpen && this.cancelWanted) this.apply(new BrokerCancelRejected({ reason }));
  }

  /** The revision `by` (a BrokerOrder id) took over; `order` is this one as the broker shows it, with all its executions known. */
  replacedBy(by: string, order: BrokerageOrder): void {
    if (this.state === 'working' && !this.lacks(order)) {
      this.apply(new BrokerOrderReplaced({ by, filledQuantity: this.filledQuantity }));
    }
  }

  /** Takes up an order at the broker that nobody of us asked for. */
  adopt({ brokerageOrderId, clientOrderId, symbol, side, quantity, filledQuantity, brokerageStatus }: BrokerageOrder): void {
    if (this.state !== 'none') return;
    this.apply(
      new ForeignOrderAdopted({
        brokerageOrderId,
        clientOrderId,
        symbol,
        side,
        quantity,
        filledQuantity,
        status: brokerageStatus,
      }),
    );
  }

  onSubmissionRequested({ data }: SubmissionRequested): void {
    this.asked = data;
    this.state = 'asked';
  }

  onReplacementRequested({ data }: ReplacementRequested): void {
    this.asked = data;
    this.state = 'asked';
  }

  onCancellationRequested(_: CancellationRequested): void {
    this.cancelWanted = true;
  }

  /** It is there after we had given it up: it is worked, and has to be cancelled. */
  onBrokerOrderAccepted({ data }: BrokerOrderAccepted): void {
    if (!this.isUnproven) this.cancelWanted = true;
    this.brokerageId = data.brokerageOrderId;
    this.carried = decimal(data.carriedQuantity ?? zero);
    this.unresolvable = false;
    this.state = this.isFilled ? 'filled' : 'working';
  }

  onBrokerOrderRejected(_: BrokerOrderRejected): void {
    this.end('rejected');
  }

  onBrokerOrderLapsed(_: BrokerOrderLapsed): void {
    this.end('lapsed');
  }

  onBrokerOutcomeUnknown(_: BrokerOutcomeUnknown): void {
    this.state = 'unknown';
  }

  onBrokerOutcomeUnresolved(_: BrokerOutcomeUnresolved): void {
    this.unresolvable = true;
  }

  onExecutionReported({ data }: ExecutionReported): void {
    this.count(data.executionId, decimal(data.quantity));
    if (this.state === 'working' && this.isFilled) this.end('filled');
  }

  onExecutionBusted({ data }: ExecutionBusted): void {
    this.count(data.executionId, zero);
  }

  onExecutionCorrected({ data }: ExecutionCorrected): void {
    this.count(data.executionId, decimal(data.quantity));
  }

  onBrokerOrderCanceled(_: BrokerOrderCanceled): void {
    this.end('canceled');
  }

  onBrokerCancelRejected(_: BrokerCancelRejected): void {
    this.cancelWanted = false;
  }

  onBrokerOrderReplaced(_: BrokerOrderReplaced): void {
    this.end('replaced');
  }

  onBrokerReplaceRejected(_: BrokerReplaceRejected): void {
    this.end('rejected');
  }

  onBrokerOrderExpired(_: BrokerOrderExpired): void {
    this.end('expired');
  }

  onBrokerOrderDoneForDay(_: BrokerOrderDoneForDay): void {
    this.pause = 'doneForDay';
  }

  onBrokerOrderSuspended(_: BrokerOrderSuspended): void {
    this.pause = 'suspended';
  }

  onForeignOrderAdopted({ data }: ForeignOrderAdopted): void {
    this.state = 'foreign';
    this.brokerageId = data.brokerageOrderId;
  }

  onBrokerOrderUnchanged(_: BrokerOrderUnchanged): void {
    // The answer to a command that had nothing to do.
  }

  /** The intent is stored, and nothing proves yet that the broker has it. */
  private get isUnproven(): boolean {
    return this.state === 'asked' || this.state === 'unknown';
  }

  private get isFilled(): boolean {
    return this.asked !== undefined && compare(add(this.carried, this.executed), decimal(this.asked.quantity)) >= 0;
  }

  private accept(order: BrokerageOrder, found: boolean, carried: string | undefined): void {
    // What the broker took and then rejected keeps the broker's id, so that its late answer "taken" is not taken for news.
    if (order.status === 'rejected' && (!this.isUnproven || this.asked?.replaces !== undefined)) {
      return this.refuse('rejected', `the broker says ${order.brokerageStatus}`);
    }
    if (this.asked?.replaces !== undefined && carried === undefined) return;
    this.apply(
      new BrokerOrderAccepted({
        brokerageOrderId: order.brokerageOrderId,
        found,
        ...(carried !== undefined && { carriedQuantity: decimal(carried) }),
      }),
    );
  }

  /** The status of an order whose executions are all known. */
  private follow({ status, brokerageStatus, filledQuantity }: BrokerageOrder): void {
    if (status === 'canceled') this.apply(new BrokerOrderCanceled({ atBroker: true, filledQuantity }));
    if (status === 'expired') this.apply(new BrokerOrderExpired({ filledQuantity }));
    if (status === 'rejected')
      this.apply(new BrokerOrderRejected({ code: 'rejected', reason: `the broker says ${brokerageStatus}` }));
    if (status === 'doneForDay' && this.pause !== 'doneForDay') this.apply(new BrokerOrderDoneForDay({}));
    if (status === 'suspended' && this.pause !== 'suspended') this.apply(new BrokerOrderSuspended({}));
  }

  private unchanged(about: string): void {
    this.apply(new BrokerOrderUnchanged({ about, reason: `it is ${this.state}` }));
  }

  private count(executionId: string, quantity: Decimal): void {
    this.executed = add(subtract(this.executed, this.executions.get(executionId) ?? zero), quantity);
    this.executions.set(executionId, quantity);
  }

  private end(how: RevisionEnd): void {
    this.state = how;
    this.cancelWanted = false;
    this.unresolvable = false;
  }
}

const ofOrder = ({ orderId, revision, symbol, side }: RevisionTerms) => ({ orderId, revision, symbol, side });
