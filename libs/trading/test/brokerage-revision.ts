import {
  BrokerCancelRejected,
  BrokerOrderAccepted,
  BrokerOrderCanceled,
  BrokerOrderDoneForDay,
  BrokerOrderExpired,
  BrokerOrderLapsed,
  BrokerOrderRejected,
  BrokerOrderReplaced,
  BrokerOutcomeUnknown,
  BrokerReplaceRejected,
  CancellationRequested,
  ExecutionReported,
  ReplacementRequested,
  SubmissionRequested,
  type Event,
  type RevisionTerms,
} from '@tradecore/events';
import { add, compare, decimal, subtract, zero, type Decimal } from '@tradecore/money';

/** What all revisions of an order have traded, and how often. */
export interface Traded {
  filled: Decimal;
  readonly executionIds: string[];
}

/**
 * A broker and its gateway as the saga may meet them, for one revision: whatever may happen in a state is one of `acts` or `ends`. Its events go to `emit`, in order;
 * `commandId` names the step that an intent answers.
 */
export class BrokerageLeg {
  state: 'none' | 'asked' | 'working' | 'ended' = 'none';
  private terms: (RevisionTerms & { replaces?: string }) | undefined;
  private cancelWanted = false;
  private isUnknown = false;

  constructor(
    readonly id: string,
    private readonly traded: Traded,
    private readonly revisions: ReadonlyMap<string, BrokerageLeg>,
    private readonly emit: (revisionId: string, event: Event, commandId?: string) => void,
  ) {}

  submit(terms: RevisionTerms, commandId: string): void {
    this.terms = terms;
    this.state = 'asked';
    this.emit(this.id, new SubmissionRequested(terms), commandId);
  }

  replace(terms: RevisionTerms & { replaces: string }, commandId: string): void {
    this.terms = terms;
    this.state = 'asked';
    this.emit(this.id, new ReplacementRequested(terms), commandId);
  }

  cancel(commandId: string): void {
    if (this.state === 'ended') return this.emit(this.id, new BrokerCancelRejected({ reason: 'it has ended' }), commandId);
    this.cancelWanted = true;
    this.emit(this.id, new CancellationRequested({}), commandId);
  }

  /** Shares that may still trade. */
  get open(): Decimal {
    const open = subtract(decimal(this.terms?.quantity ?? zero), this.traded.filled);
    return compare(open, zero) > 0 ? open : zero;
  }

  /** What the broker may do now, short of an end. */
  acts(): (() => void)[] {
    const lose = () => this.loseAnswer();
    const fills = ['1', '2'].map((quantity) => () => this.fill(decimal(quantity)));
    if (this.state === 'asked' && this.replaced === undefined) return [() => this.accept(), lose, ...fills];
    if (this.state === 'asked') return this.canTakeOver ? [() => this.takeOver(), lose] : [lose];
    if (this.state === 'working') return [...fills, () => this.emit(this.id, new BrokerOrderDoneForDay({}))];
    return this.state === 'ended' && this.terms?.revision === 1 ? fills : [];
  }

  /** How the broker may end it now, or refuse to. */
  ends(): (() => void)[] {
    if (this.state === 'asked') return this.replaced === undefined ? this.submissionEnds() : this.replacementEnds();
    return this.state === 'working' ? this.workingEnds() : [];
  }

  private submissionEnds(): (() => void)[] {
    const withdraw = () => this.end(new BrokerOrderCanceled({ atBroker: false, filledQuantity: zero }));
    const lapse = () => this.end(new BrokerOrderLapsed({ reason: 'time-in-force' }));
    return [
      () => this.end(new BrokerOrderRejected({ code: '403', reason: 'power' })),
      ...(this.isUnknown ? [] : [lapse]),
      ...(this.cancelWanted ? [withdraw, withdraw] : []),
    ];
  }

  private replacementEnds(): (() => void)[] {
    const refuse = () => this.end(new BrokerReplaceRejected({ reason: 'no' }));
    return this.canTakeOver ? [refuse, () => this.takeOver()] : [refuse];
  }

  private workingEnds(): (() => void)[] {
    const filledQuantity = this.traded.filled;
    const cancel = () => this.end(new BrokerOrderCanceled({ atBroker: true, filledQuantity }));
    const refuseCancel = () => {
      this.cancelWanted = false;
      this.emit(this.id, new BrokerCancelRejected({ reason: 'not now' }));
    };
    return [
      () => this.fill(this.open),
      () => this.end(new BrokerOrderExpired({ filledQuantity })),
      cancel,
      ...(this.cancelWanted ? [cancel, refuseCancel] : []),
    ];
  }

  /** The revision that this one is to replace. */
  private get replaced(): string | undefined {
    return this.terms?.replaces;
  }

  private get canTakeOver(): boolean {
    return this.revisions.get(this.replaced ?? '')?.state === 'working' && this.open !== zero;
  }

  private takeOver(): void {
    this.accept();
    this.revisions.get(this.replaced ?? '')?.end(new BrokerOrderReplaced({ by: this.id, filledQuantity: this.traded.filled }));
  }

  private accept(): void {
    this.state = 'working';
    this.emit(this.id, new BrokerOrderAccepted({ brokerageOrderId: this.id, found: this.isUnknown }));
  }

  private loseAnswer(): void {
    this.isUnknown = true;
    this.emit(this.id, new BrokerOutcomeUnknown({ attempt: 1, reason: 'timeout' }));
  }

  private fill(quantity: Decimal): void {
    if (this.terms === undefined) return;
    const executionId = `e${this.traded.executionIds.length + 1}`;
    const { orderId, revision, symbol, side } = this.terms;
    this.traded.executionIds.push(executionId);
    this.traded.filled = add(this.traded.filled, quantity);
    const execution = {
      executionId,
      brokerageExecutionId: executionId,
      quantity,
      price: '100',
      executedAt: '2026-01-02T09:00:00Z',
    };
    this.emit(this.id, new ExecutionReported({ ...execution, orderId, revision, symbol, side }));
    if (this.state === 'asked') this.accept();
    if (this.open === zero && this.state === 'working') this.state = 'ended';
  }

  private end(event: Event): void {
    this.state = 'ended';
    this.emit(this.id, event);
  }
}
