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
  type Event,
  type ReplacingTerms,
  type RevisionTerms,
} from '@tradecore/events';
import { compare, decimal, subtract, sum, zero, type Decimal } from '@tradecore/money';

/** An execution with its current figures at the brokerage. */
export interface Trade {
  readonly brokerOrderId: string;
  quantity: Decimal;
  readonly price: string;
}

type Act = () => void;

/**
 * The brokerage and its gateway as the saga may see them, for one revision: everything that may happen in a state is
 * one of `acts` or `ends`. Its events go to `emit`, in order. All revisions of an order share `trades` and know each
 * other. If there are several, one that has ended takes nothing back: the saga may handle the bust before the fills,
 * and could not know that the revision had filled.
 */
export class BrokerageRevision {
  state: 'none' | 'asked' | 'working' | 'ended' = 'none';
  #terms: RevisionTerms | ReplacingTerms | undefined;
  #cancel: string | undefined;
  #unknown: 'no' | 'yes' | 'unresolved' = 'no';
  #pause: 'no' | 'doneForDay' | 'suspended' = 'no';

  constructor(
    readonly id: string,
    private readonly trades: Map<string, Trade>,
    private readonly revisions: ReadonlyMap<string, BrokerageRevision>,
    private readonly emit: (brokerOrderId: string, event: Event) => void,
  ) {}

  /** The gateway takes the step that sends it. */
  send(terms: RevisionTerms | ReplacingTerms): void {
    this.#terms = terms;
    this.state = 'asked';
  }

  /** The gateway takes a step that cancels it. */
  cancel(commandId: string): void {
    this.#cancel = commandId;
    if (this.state === 'ended') this.#refuseCancel();
  }

  /** Another revision replaces it. */
  giveWay(by: string): void {
    this.#end(new BrokerOrderReplaced({ ...this.#of, by, filledQuantity: '0' }));
  }

  /** Shares that may still trade. */
  get open(): Decimal {
    const filled = sum([...this.trades.values()].map(({ quantity }) => quantity));
    const open = subtract(decimal(this.#terms?.quantity ?? zero), filled);
    return compare(open, zero) > 0 ? open : zero;
  }

  /** What the brokerage may do now, except end it. */
  acts(): Act[] {
    switch (this.state) {
      case 'asked':
        return [...this.#arrivals(), ...this.#silences(), ...(this.#replaced === undefined ? this.#fills() : [])];
      case 'working':
        return [...this.#fills(), ...this.#pauses(), ...this.#amendments()];
      case 'ended':
        return this.revisions.size > 1 ? [] : [...this.#fills(), ...this.#amendments()];
      default:
        return [];
    }
  }

  /** How the brokerage may end it now, or refuse to. */
  ends(): Act[] {
    if (this.state === 'working') return this.#workingEnds();
    if (this.state !== 'asked') return [];
    return this.#replaced === undefined ? this.#submissionEnds() : this.#replacementEnds();
  }

  #arrivals(): Act[] {
    if (this.#replaced === undefined) return [() => this.#accept()];
    return this.#canTakeOver ? [() => this.#takeOver()] : [];
  }

  #silences(): Act[] {
    const { attempt, attempts, reason } = { attempt: 1, attempts: 9, reason: 'timeout' };
    const lose = () => {
      this.#unknown = 'yes';
      this.#say(new BrokerOutcomeUnknown({ ...this.#of, attempt, reason }));
    };
    const giveUp = () => {
      this.#unknown = 'unresolved';
      this.#say(new BrokerOutcomeUnresolved({ ...this.#of, attempts, reason }));
    };
    return this.#unknown === 'no' ? [lose] : this.#unknown === 'yes' ? [giveUp] : [];
  }

  #fills(): Act[] {
    return ['1', '2', this.open]
      .map(decimal)
      .filter((quantity) => quantity !== zero && compare(quantity, this.open) <= 0)
      .map((quantity) => () => this.#fill(quantity));
  }

  #pauses(): Act[] {
    const pause = (how: 'doneForDay' | 'suspended') => () => {
      this.#pause = how;
      this.#say(new (how === 'suspended' ? BrokerOrderSuspended : BrokerOrderDoneForDay)(this.#of));
    };
    const resume = () => {
      this.#pause = 'no';
      this.#say(new BrokerOrderResumed(this.#of));
    };
    return this.#pause === 'no' ? [pause('doneForDay'), pause('suspended')] : [resume];
  }

  /** The last standing execution of this revision is taken back, or corrected to less. */
  #amendments(): Act[] {
    const last = [...this.trades].findLast(([, trade]) => trade.brokerOrderId === this.id && trade.quantity !== zero);
    if (!last) return [];
    const [executionId, trade] = last;
    const bust = () => {
      trade.quantity = zero;
      this.#say(new ExecutionBusted({ ...this.#traded, executionId, brokerageExecutionId: `bust-${executionId}` }));
    };
    const correct = () => {
      trade.quantity = subtract(trade.quantity, decimal('0.5'));
      this.#say(new ExecutionCorrected({ ...this.#traded, ...this.#execution(executionId, trade) }));
    };
    return compare(trade.quantity, decimal('0.5')) > 0 ? [bust, correct] : [bust];
  }

  #submissionEnds(): Act[] {
    const reject = () => this.#end(new BrokerOrderRejected({ ...this.#of, code: '403', reason: 'power' }));
    const lapse = () => this.#end(new BrokerOrderLapsed({ ...this.#of, reason: 'time-in-force' }));
    const withdraw = () => this.#end(this.#canceled(false));
    if (this.#hasTraded) return [() => this.#end(this.#canceled(true))];
    return [reject, ...(this.#unknown === 'no' ? [lapse] : []), ...(this.#cancel === undefined ? [] : [withdraw, withdraw])];
  }

  #replacementEnds(): Act[] {
    const refuse = () => this.#end(new BrokerReplaceRejected({ ...this.#of, reason: 'no' }));
    return this.#canTakeOver ? [refuse, () => this.#takeOver()] : [refuse];
  }

  #workingEnds(): Act[] {
    const cancel = () => this.#end(this.#canceled(true));
    const expire = () => this.#end(new BrokerOrderExpired({ ...this.#of, filledQuantity: '0' }));
    const fill = this.open === zero ? [] : [() => this.#fill(this.open)];
    return [...fill, expire, cancel, ...(this.#cancel === undefined ? [] : [cancel, () => this.#refuseCancel()])];
  }

  get #replaced(): string | undefined {
    return this.#terms && 'replaces' in this.#terms ? this.#terms.replaces : undefined;
  }

  get #canTakeOver(): boolean {
    return this.revisions.get(this.#replaced ?? '')?.state === 'working' && this.open !== zero;
  }

  get #hasTraded(): boolean {
    return [...this.trades.values()].some(({ brokerOrderId }) => brokerOrderId === this.id);
  }

  #takeOver(): void {
    this.#accept();
    this.revisions.get(this.#replaced ?? '')?.giveWay(this.id);
  }

  #accept(): void {
    this.state = 'working';
    this.#say(new BrokerOrderAccepted({ ...this.#of, brokerageOrderId: this.id, found: this.#unknown !== 'no' }));
  }

  #fill(quantity: Decimal): void {
    const executionId = `e${this.trades.size + 1}`;
    const trade = { brokerOrderId: this.id, quantity, price: this.#terms?.limitPrice ?? '100' };
    this.trades.set(executionId, trade);
    this.#say(new ExecutionReported({ ...this.#traded, ...this.#execution(executionId, trade) }));
    if (this.open !== zero || this.state === 'ended') return;
    if (this.state === 'asked') this.#accept();
    this.state = 'ended';
    this.#refuseCancel();
  }

  #refuseCancel(): void {
    const answers = this.#cancel;
    this.#cancel = undefined;
    if (answers !== undefined) this.#say(new BrokerCancelRejected({ ...this.#of, answers, reason: 'not now' }));
  }

  #canceled(atBrokerage: boolean): BrokerOrderCanceled {
    return new BrokerOrderCanceled({
      ...this.#of,
      atBrokerage,
      filledQuantity: '0',
      ...(this.#cancel && { answers: this.#cancel }),
    });
  }

  #end(event: Event): void {
    this.state = 'ended';
    this.#say(event);
    if (event.type === 'BrokerOrderCanceled') this.#cancel = undefined;
    this.#refuseCancel();
  }

  #say(event: Event): void {
    this.emit(this.id, event);
  }

  get #of(): Pick<RevisionTerms, 'orderId' | 'accountId' | 'revision'> {
    const { orderId, accountId, revision } = this.#terms as RevisionTerms;
    return { orderId, accountId, revision };
  }

  get #traded() {
    const { symbol, side } = this.#terms as RevisionTerms;
    return { ...this.#of, symbol, side };
  }

  #execution(executionId: string, { quantity, price }: Trade) {
    return { executionId, brokerageExecutionId: executionId, quantity, price, executedAt: '2026-01-02T09:00:00Z' };
  }
}
