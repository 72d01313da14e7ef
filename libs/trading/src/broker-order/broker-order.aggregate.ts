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
  BrokerOrderResumed,
  BrokerOrderSuspended,
  BrokerOutcomeUnknown,
  BrokerOutcomeUnresolved,
  BrokerReplaceRejected,
  ExecutionBusted,
  ExecutionCorrected,
  ExecutionReported,
  ForeignOrderAdopted,
  type BrokerOrderEvent,
  type OfOrder,
  type Opening,
  type ReplacingTerms,
  type RevisionTerms,
} from '@tradecore/events';
import { add, compare, decimal, isPositive, subtract, zero, type Decimal } from '@tradecore/money';
import { Executions, type StandingExecution } from './broker-order-executions.ts';
import type { BrokerageExecution, BrokerageOrder, ReportName, UnreadableOrder } from './brokerage-replies.ts';

/** How an ended revision ended. */
export type RevisionEnd = 'filled' | 'canceled' | 'expired' | 'replaced' | 'rejected' | 'lapsed';

/**
 * The progress of a revision. `none`: not proven to be at the brokerage; `unknown`: a call ended without an answer;
 * `working`: the brokerage has it.
 */
export type RevisionProgress = 'none' | 'unknown' | 'working' | RevisionEnd | 'foreign';

/** How an order was accepted: whether a look-up found it, and for a replacement what earlier revisions had traded. */
export interface AcceptedAs {
  readonly found: boolean;
  readonly carriedQuantity?: string;
  readonly countsFromZero?: boolean;
}

/**
 * One revision of an order at the brokerage: what the brokerage reported, each execution once. Its id is the
 * `client_order_id` there. Reports may be repeated, late, and in any order: a known one changes nothing.
 * `interpretReply` gives each report its meaning.
 */
export class BrokerOrder extends BaseAggregate<BrokerOrderEvent> {
  static readonly type = 'BrokerOrder';

  readonly #executions = new Executions();
  readonly #answered = new Set<string>();
  #opening: Opening | undefined;
  #progress: RevisionProgress = 'none';
  #brokerageOrderId: string | undefined;
  #carried: Decimal = zero;
  #countsFromZero = false;
  #mustCancel = false;
  #isUnresolved = false;
  #canceledBy: string | undefined;
  #pause: 'doneForDay' | 'suspended' | undefined;

  /** Sets the step that requested it, which its first event carries. */
  openedBy(opening: Opening): this {
    this.#opening ??= opening;
    return this;
  }

  get progress(): RevisionProgress {
    return this.#progress;
  }

  /** The requested terms; undefined for foreign orders, and before the first event without `openedBy`. */
  get terms(): RevisionTerms | ReplacingTerms | undefined {
    return this.#opening?.terms;
  }

  /** The BrokerOrder id of the revision that it replaces. */
  get replaces(): string | undefined {
    const { terms } = this;
    return terms && 'replaces' in terms ? terms.replaces : undefined;
  }

  /** The brokerage's id, once known. */
  get brokerageOrderId(): string | undefined {
    return this.#brokerageOrderId;
  }

  /** Executed shares as the client counts them: those of earlier revisions included. */
  get filledQuantity(): string {
    return add(this.#carried, this.#executions.quantity);
  }

  /** Shares that earlier revisions had traded when it took over. */
  get carriedQuantity(): string {
    return this.#carried;
  }

  /** The brokerage counts only its own executions: it was sent with the rest of the quantity. */
  get countsFromZero(): boolean {
    return this.#countsFromZero;
  }

  /** The budget is spent, and the outcome is still unknown. */
  get isUnresolved(): boolean {
    return this.#isUnresolved;
  }

  /** It is neither proven to be at the brokerage nor given up. */
  get isUnproven(): boolean {
    return this.#progress === 'none' || this.#progress === 'unknown';
  }

  /** It is at the brokerage or on its way there. */
  get isOpen(): boolean {
    return this.isUnproven || this.#progress === 'working';
  }

  /** It was found at the brokerage after it had been given up. */
  get mustCancel(): boolean {
    return this.#mustCancel && this.#progress === 'working';
  }

  /** The brokerage is not working it for now. */
  get isPaused(): boolean {
    return this.#pause !== undefined;
  }

  /** The command of the step that cancelled it. */
  get canceledBy(): string | undefined {
    return this.#canceledBy;
  }

  /** Whether the step of this command has been answered. */
  hasAnswered(commandId: string): boolean {
    return this.#answered.has(commandId);
  }

  /** Whether the brokerage counts executions that are not known yet. */
  lacks(order: BrokerageOrder): boolean {
    return compare(decimal(order.filledQuantity), this.#counted) > 0;
  }

  /** Whether the brokerage counts fewer executed shares than are known. */
  exceeds(order: BrokerageOrder): boolean {
    return compare(decimal(order.filledQuantity), this.#counted) < 0;
  }

  /** The execution that a report names, taken back or not. */
  execution(name: ReportName): StandingExecution | undefined {
    return this.#executions.find(name);
  }

  /** Whether this report is known: an execution, a bust or a correction. */
  hasReport(brokerageExecutionId: string): boolean {
    return this.#executions.hasReport(brokerageExecutionId);
  }

  /** Executions that were not taken back. */
  get standingExecutions(): readonly StandingExecution[] {
    return this.#executions.standing();
  }

  /**
   * The brokerage has it. Answers the step that requested it, unless it had been given up: then it must be cancelled
   * there.
   */
  accept({ brokerageOrderId }: BrokerageOrder, as: AcceptedAs): void {
    if (this.#opening === undefined || this.#brokerageOrderId !== undefined) return;
    this.apply(new BrokerOrderAccepted({ ...this.#ofOrder(this.#opening.commandId), brokerageOrderId, ...as }));
  }

  /** Records an execution, once; in any state. */
  report({ executionId, brokerageExecutionId, quantity, price, executedAt }: BrokerageExecution): void {
    const traded = this.#traded();
    if (!traded || this.#executions.find({ executionId, brokerageExecutionId })) return;
    const execution = { executionId, brokerageExecutionId, quantity: decimal(quantity), price: decimal(price), executedAt };
    this.apply(new ExecutionReported({ ...traded, ...execution }));
  }

  /** The brokerage took an execution back. */
  bust(name: ReportName, brokerageExecutionId: string): void {
    const [traded, execution] = [this.#traded(), this.#executions.find(name)];
    if (!traded || !execution || !isPositive(execution.quantity)) return;
    this.apply(new ExecutionBusted({ ...traded, executionId: execution.executionId, brokerageExecutionId }));
  }

  /** The brokerage corrected an execution: `report` has the new figures. The same figures change nothing. */
  correct(name: ReportName, report: BrokerageExecution): void {
    const [traded, execution] = [this.#traded(), this.#executions.find(name)];
    if (!traded || !execution || !isPositive(execution.quantity)) return;
    const { brokerageExecutionId, executedAt } = report;
    const [quantity, price] = [decimal(report.quantity), decimal(report.price)];
    if (quantity === execution.quantity && price === execution.price) return;
    const { executionId } = execution;
    this.apply(new ExecutionCorrected({ ...traded, executionId, brokerageExecutionId, quantity, price, executedAt }));
  }

  /** The brokerage refused it, or it could no longer be requested. */
  refuse(code: string, reason: string): void {
    if (!this.isUnproven || this.#opening === undefined) return;
    const of = this.#ofOrder(this.#opening.commandId);
    if (this.replaces === undefined) this.apply(new BrokerOrderRejected({ ...of, code, reason }));
    else this.apply(new BrokerReplaceRejected({ ...of, reason }));
  }

  /** A call ended without an answer. */
  outcomeUnknown(attempt: number, reason: string): void {
    if (this.#progress === 'none') this.apply(new BrokerOutcomeUnknown({ ...this.#ofOrder(), attempt, reason }));
  }

  /** Look-ups and repeated sends did not resolve the outcome within the budget. */
  unresolved(attempts: number, reason: string): void {
    if (this.#progress !== 'unknown' || this.#isUnresolved) return;
    this.apply(new BrokerOutcomeUnresolved({ ...this.#ofOrder(), attempts, reason }));
  }

  /** It is certainly not at the brokerage, and will not be sent. */
  lapse(reason: BrokerOrderLapsed['data']['reason'], lastPrice?: string): void {
    if (!this.isUnproven || this.#opening === undefined) return;
    if (this.replaces !== undefined) return this.refuse('lapsed', `lapsed: ${reason}`);
    const of = this.#ofOrder(this.#opening.commandId);
    this.apply(new BrokerOrderLapsed({ ...of, reason, ...(lastPrice !== undefined && { lastPrice }) }));
  }

  /** It is certainly not at the brokerage, and a step cancels it: it will not be sent. */
  withdraw(commandId: string): void {
    if (!this.isUnproven) return;
    if (this.replaces !== undefined) return this.refuse('canceled', 'canceled before it was sent');
    const { filledQuantity } = this;
    this.apply(new BrokerOrderCanceled({ ...this.#ofOrder(commandId), atBrokerage: false, filledQuantity }));
  }

  /** Answers a step that cancels it: it is not cancelled. */
  rejectCancel(commandId: string, reason: string): void {
    if (!this.hasAnswered(commandId)) this.apply(new BrokerCancelRejected({ ...this.#ofOrder(commandId), reason }));
  }

  /**
   * It is cancelled at the brokerage and all its executions are known. `commandId`: of the step that cancelled it, if
   * any.
   */
  canceled(commandId: string | undefined): void {
    const { filledQuantity } = this;
    if (this.#progress !== 'working') return;
    this.apply(new BrokerOrderCanceled({ ...this.#ofOrder(commandId), atBrokerage: true, filledQuantity }));
  }

  /** All that the brokerage was sent has traded, but less than was requested: nothing more trades. */
  endedShort(): void {
    const { filledQuantity } = this;
    if (this.#progress !== 'filled') return;
    this.apply(new BrokerOrderCanceled({ ...this.#ofOrder(), atBrokerage: true, filledQuantity }));
  }

  /** Its time in force ended at the brokerage and all its executions are known. */
  expired(): void {
    const { filledQuantity } = this;
    if (this.#progress === 'working') this.apply(new BrokerOrderExpired({ ...this.#ofOrder(), filledQuantity }));
  }

  /** The brokerage accepted it and rejected it later. */
  rejected(reason: string): void {
    if (this.#progress === 'working') this.apply(new BrokerOrderRejected({ ...this.#ofOrder(), code: 'rejected', reason }));
  }

  /** The BrokerOrder `by` took over; all executions of this one are known. */
  replacedBy(by: string): void {
    const { filledQuantity } = this;
    if (this.#progress === 'working') this.apply(new BrokerOrderReplaced({ ...this.#ofOrder(), by, filledQuantity }));
  }

  /** The brokerage is not working it for now. */
  paused(how: 'doneForDay' | 'suspended'): void {
    // The brokerage paused an open part: if it is filled in our books, a fill was taken back since.
    if (this.#progress === 'filled') this.resumed();
    if (this.#progress !== 'working' || this.#pause === how) return;
    this.apply(how === 'suspended' ? new BrokerOrderSuspended(this.#ofOrder()) : new BrokerOrderDoneForDay(this.#ofOrder()));
  }

  /**
   * The brokerage works it again, or still: a late report of a fill taken back since may have filled it in our books.
   */
  resumed(): void {
    const isStillWorked = this.#progress === 'filled' && !this.#isFilled;
    if (isStillWorked || (this.#progress === 'working' && this.isPaused)) this.apply(new BrokerOrderResumed(this.#ofOrder()));
  }

  /** Adopts an order at the brokerage that no step requested. */
  adopt(shown: BrokerageOrder | UnreadableOrder): void {
    if (this.version > 0) return;
    const { brokerageOrderId, clientOrderId, symbol, side, quantity, filledQuantity, brokerageStatus: status } = shown;
    const order = { brokerageOrderId, clientOrderId, symbol, quantity, filledQuantity, status };
    const unreadable = 'unreadable' in shown && { unreadable: shown.unreadable };
    this.apply(new ForeignOrderAdopted({ ...order, ...(side && { side }), ...unreadable }));
  }

  onBrokerOrderAccepted({ data }: BrokerOrderAccepted): void {
    this.#learn(data);
    this.#mustCancel = !this.isUnproven;
    this.#brokerageOrderId = data.brokerageOrderId;
    this.#carried = decimal(data.carriedQuantity ?? zero);
    this.#countsFromZero = data.countsFromZero ?? false;
    this.#isUnresolved = false;
    this.#progress = this.#isFilled ? 'filled' : 'working';
  }

  onBrokerOrderRejected({ data }: BrokerOrderRejected): void {
    this.#end('rejected', data);
  }

  onBrokerOrderLapsed({ data }: BrokerOrderLapsed): void {
    this.#end('lapsed', data);
  }

  onBrokerOutcomeUnknown({ data }: BrokerOutcomeUnknown): void {
    this.#learn(data);
    this.#progress = 'unknown';
  }

  onBrokerOutcomeUnresolved({ data }: BrokerOutcomeUnresolved): void {
    this.#learn(data);
    this.#isUnresolved = true;
  }

  onExecutionReported({ data }: ExecutionReported): void {
    this.#learn(data);
    this.#executions.put(data, data.quantity, data.price);
    if (this.#progress === 'working' && this.#isFilled) this.#end('filled', data);
  }

  onExecutionBusted({ data }: ExecutionBusted): void {
    this.#learn(data);
    this.#executions.takeBack(data);
  }

  onExecutionCorrected({ data }: ExecutionCorrected): void {
    this.#learn(data);
    this.#executions.put(data, data.quantity, data.price);
    if (this.#progress === 'working' && this.#isFilled) this.#end('filled', data);
  }

  onBrokerOrderCanceled({ data }: BrokerOrderCanceled): void {
    this.#end('canceled', data);
    this.#canceledBy = data.answers;
  }

  onBrokerCancelRejected({ data }: BrokerCancelRejected): void {
    this.#learn(data);
  }

  onBrokerOrderReplaced({ data }: BrokerOrderReplaced): void {
    this.#end('replaced', data);
  }

  onBrokerReplaceRejected({ data }: BrokerReplaceRejected): void {
    this.#end('rejected', data);
  }

  onBrokerOrderExpired({ data }: BrokerOrderExpired): void {
    this.#end('expired', data);
  }

  onBrokerOrderDoneForDay({ data }: BrokerOrderDoneForDay): void {
    this.#learn(data);
    this.#pause = 'doneForDay';
  }

  onBrokerOrderSuspended({ data }: BrokerOrderSuspended): void {
    this.#learn(data);
    this.#pause = 'suspended';
  }

  onBrokerOrderResumed({ data }: BrokerOrderResumed): void {
    this.#learn(data);
    this.#pause = undefined;
    this.#progress = 'working';
  }

  onForeignOrderAdopted({ data }: ForeignOrderAdopted): void {
    this.#progress = 'foreign';
    this.#brokerageOrderId = data.brokerageOrderId;
  }

  /** Executed shares as the brokerage counts them. */
  get #counted(): Decimal {
    return this.#countsFromZero ? this.#executions.quantity : add(this.#carried, this.#executions.quantity);
  }

  get #isFilled(): boolean {
    const { terms } = this;
    return terms !== undefined && !isPositive(subtract(decimal(terms.quantity), decimal(this.filledQuantity)));
  }

  /** The fields of every event; the first also has the opening. A step is answered once. */
  #ofOrder(answers?: string) {
    if (this.#opening === undefined) throw new Error(`BrokerOrder ${this.id} has no opening`);
    const { orderId, accountId, revision } = this.#opening.terms;
    return {
      ...{ orderId, accountId, revision },
      ...(this.version === 0 && { opening: this.#opening }),
      ...(answers !== undefined && !this.hasAnswered(answers) && { answers }),
    };
  }

  /** The fields of every event about an execution; undefined for foreign orders, whose executions are not stored. */
  #traded() {
    const { terms } = this;
    return terms && { ...this.#ofOrder(), symbol: terms.symbol, side: terms.side };
  }

  #learn({ opening, answers }: OfOrder): void {
    if (opening !== undefined) this.#opening = opening;
    if (answers !== undefined) this.#answered.add(answers);
  }

  #end(how: RevisionEnd, data: OfOrder): void {
    this.#learn(data);
    this.#progress = how;
    this.#isUnresolved = false;
    this.#pause = undefined;
  }
}
