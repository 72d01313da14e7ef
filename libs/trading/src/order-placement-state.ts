import { BaseAggregate } from '@tradecore/event-sourcing';
import {
  brokerOrderIdFor,
  causedEventId,
  type AnswerNoted,
  type CancellationAsked,
  type CancelWished,
  type Approval,
  type RevisionEnded,
  type OrderChange,
  type OrderChangeAsked,
  type OrderPlacementEvent,
  type OrderTerms,
  type PlacementEnded,
  type PlacementStarted,
  type PlacementStuck,
  type RecordedEvent,
  type ReleaseAsked,
  type ReplacementAsked,
  type ReplaceWished,
  type Reservation,
  type ReservationAsked,
  type ReservationChangeAsked,
  type SettlementAsked,
  type Step,
  type SubmissionAsked,
} from '@tradecore/events';
import { add, compare, decimal, subtract, zero, type Decimal } from '@tradecore/money';
import { Executions } from './order-executions.ts';

/** The events that are steps: each asks an aggregate and waits for its answer. */
export type StepEvent = Extract<OrderPlacementEvent, { readonly data: Step }>;

/** How an order ended. */
export type PlacementOutcome = 'filled' | 'canceled' | 'expired' | 'rejected' | 'denied';

/** One revision and the terms that it stands for; `quantity` is the order's total. */
export interface PlacementRevision extends Pick<OrderTerms, 'quantity' | 'limitPrice' | 'stopPrice'>, Approval {
  readonly revision: number;
  readonly brokerOrderId: string;
}

const outcomes: Partial<Record<OrderChange['type'], PlacementOutcome>> = {
  OrderDenied: 'denied',
  OrderRejected: 'rejected',
  OrderCanceled: 'canceled',
  OrderExpired: 'expired',
};

/** What shows that the broker has the revision in force. */
const proofs: readonly OrderChange['type'][] = ['OrderAccepted', 'OrderReplaced', 'OrderDoneForDay', 'OrderSuspended'];

/** What a saga is stuck on when nobody could find out what the broker has. */
export const brokersWord = 'proof of what the broker has';

/** What the saga of an order knows: the fold of its own events, and nothing else. */
export abstract class PlacementState extends BaseAggregate<OrderPlacementEvent> {
  protected order: PlacementStarted['data'] | undefined;
  /** The revision whose terms are in force, and whether it was ever sent, whether the broker showed that it has it, and how it ended. */
  protected inForce: PlacementRevision | undefined;
  protected isSent = false;
  protected isProven = false;
  protected ending: OrderChange | undefined;
  /** The revision that is to replace it; `isReplacementSent` once the broker gateway was asked: from then on only the broker's word tells which lives. */
  protected replacement: PlacementRevision | undefined;
  protected isReplacementSent = false;
  protected lastRevision = 1;
  /** The client's request to cancel that is not answered yet: the order's version that brought it. */
  protected cancelWish: number | undefined;
  protected wishVersion = 0;
  /** What the account was last asked to hold, for the order's total quantity; undefined when nothing is held. */
  protected held: Pick<Reservation, 'quantity' | 'unitPrice'> | undefined;
  protected outcome: PlacementOutcome | undefined;
  protected readonly executions = new Executions();
  protected readonly asked = new Set<string>();
  /** Steps without an answer, by their command ids. */
  protected readonly open = new Map<string, StepEvent>();
  /** What somebody has to look at: command ids of steps, or what else is waited for. */
  protected readonly stuckOn = new Set<string>();
  #ended = false;

  /** The earliest deadline of an unanswered step, RFC 3339 in UTC with milliseconds; undefined when no answer is waited for. */
  get dueAt(): string | undefined {
    let earliest: string | undefined;
    for (const { data } of this.open.values()) {
      if (earliest === undefined || data.dueAt < earliest) earliest = data.dueAt;
    }
    return earliest;
  }

  /** Whether the order has ended and every step is answered. A later execution is settled all the same. */
  get isEnded(): boolean {
    return this.#ended && this.open.size === 0;
  }

  /** Whether somebody has to look: a budget is spent, and what was waited for has not come yet. */
  get isStuck(): boolean {
    return this.stuckOn.size > 0;
  }

  protected get isReadyToEnd(): boolean {
    return this.outcome !== undefined && !this.#ended && this.open.size === 0;
  }

  /** Whether a step still waits; taking one back may take back others. */
  protected isOpen({ data }: StepEvent): boolean {
    return this.open.has(data.commandId);
  }

  /** The step that an event answers: its id derives from the step's name, and it comes from the aggregate that was asked. */
  protected answeredBy({ id, aggregateId }: RecordedEvent): StepEvent | undefined {
    for (const step of this.open.values()) {
      const { target, commandId } = step.data;
      if (target === aggregateId && id === causedEventId(commandId, target, 0)) return step;
    }
    return undefined;
  }

  /** Shares that may still trade under the terms of a revision. */
  protected openQuantity({ quantity }: Pick<PlacementRevision, 'quantity'>): Decimal {
    const open = subtract(decimal(quantity), this.executions.filled);
    return compare(open, zero) > 0 ? open : zero;
  }

  onPlacementStarted({ data }: PlacementStarted): void {
    this.order = data;
    this.inForce = { ...data, revision: 1, brokerOrderId: brokerOrderIdFor(data.orderId, 1) };
  }

  onReservationAsked(step: ReservationAsked): void {
    if (this.wait(step)) this.held = { quantity: step.data.quantity, unitPrice: step.data.unitPrice };
  }

  /** The account answers in order: what was asked before about the reservation is answered with this. */
  onReservationChangeAsked(step: ReservationChangeAsked): void {
    if (step.data.attempt === 1) this.forget('ReservationAsked', 'ReservationChangeAsked');
    if (!this.wait(step)) return;
    const quantity = add(decimal(step.data.quantity), this.executions.filled);
    this.held = { quantity, unitPrice: step.data.unitPrice };
  }

  onReleaseAsked(step: ReleaseAsked): void {
    if (step.data.attempt === 1) this.forget('ReservationAsked', 'ReservationChangeAsked');
    this.wait(step);
    this.held = undefined;
    this.outcome ??= 'filled';
  }

  onSettlementAsked(step: SettlementAsked): void {
    this.wait(step);
  }

  onSubmissionAsked(step: SubmissionAsked): void {
    this.wait(step);
    this.isSent = true;
  }

  onReplacementAsked(step: ReplacementAsked): void {
    this.wait(step);
    if (step.data.revision === this.replacement?.revision) this.isReplacementSent = true;
  }

  onCancellationAsked(step: CancellationAsked): void {
    this.wait(step);
  }

  onOrderChangeAsked(step: OrderChangeAsked): void {
    if (this.wait(step)) this.follow(step.data.change);
  }

  onCancelWished({ data }: CancelWished): void {
    this.cancelWish = data.version;
    this.wishVersion = data.version;
  }

  onReplaceWished({ data }: ReplaceWished): void {
    const { version, ...changes } = data;
    const { quantity, limitPrice, stopPrice } = this.inForce as PlacementRevision;
    const prices = { ...(limitPrice !== undefined && { limitPrice }), ...(stopPrice !== undefined && { stopPrice }) };
    const brokerOrderId = brokerOrderIdFor(this.order?.orderId as string, changes.revision);
    this.replacement = { quantity, ...prices, ...changes, brokerOrderId };
    this.isReplacementSent = false;
    this.lastRevision = changes.revision;
    this.wishVersion = version;
  }

  onRevisionEnded({ data }: RevisionEnded): void {
    if (data.revision === this.inForce?.revision) this.ending = data.change;
  }

  onAnswerNoted({ data: { about, commandId } }: AnswerNoted): void {
    this.open.delete(commandId);
    this.stuckOn.delete(commandId);
    if (about === 'ReservationRefused') this.held = undefined;
    if (about === 'ReservationChangeRefused') this.held = this.needOf(this.inForce as PlacementRevision);
  }

  onPlacementStuck({ data }: PlacementStuck): void {
    this.stuckOn.add(data.commandId ?? data.waitingFor);
  }

  onPlacementEnded(_: PlacementEnded): void {
    this.#ended = true;
  }

  /** What the account has to hold for a revision: its total quantity at its price. */
  protected needOf({ quantity, reservePrice }: PlacementRevision): Pick<Reservation, 'quantity' | 'unitPrice'> {
    return { quantity, unitPrice: reservePrice };
  }

  /** What telling the order means for the saga itself. */
  private follow(change: OrderChange): void {
    this.outcome ??= outcomes[change.type];
    this.isProven ||= proofs.includes(change.type);
    this.count(change);
    if (change.type === 'OrderCancelRejected') this.cancelWish = undefined;
    if (change.type === 'OrderReplaced') this.putInForce();
    if (change.type === 'OrderReplaceRejected' && change.data.revision === this.replacement?.revision) this.dropReplacement();
    if (this.isKnown) this.stuckOn.delete(brokersWord);
  }

  /** Whether there is nothing of which only the broker could tell whether it has it. */
  private get isKnown(): boolean {
    return this.outcome !== undefined || (this.isProven && !this.isReplacementSent);
  }

  private count(change: OrderChange): void {
    if (change.type === 'OrderExecuted') this.isProven ||= change.data.revision === this.inForce?.revision;
    if (change.type === 'OrderExecuted' || change.type === 'OrderExecutionCorrected') this.executions.set(change.data);
    if (change.type === 'OrderExecutionBusted') this.executions.set({ ...change.data, quantity: zero, price: zero });
  }

  private putInForce(): void {
    this.inForce = this.replacement ?? this.inForce;
    this.ending = undefined;
    this.dropReplacement();
  }

  private dropReplacement(): void {
    this.replacement = undefined;
    this.isReplacementSent = false;
  }

  /** Waits for the answer of a step; false where it was asked before, and this is another attempt. */
  private wait(step: StepEvent): boolean {
    const { commandId } = step.data;
    const isFirst = !this.asked.has(commandId);
    this.asked.add(commandId);
    this.open.set(commandId, step);
    return isFirst;
  }

  private forget(...types: readonly StepEvent['type'][]): void {
    for (const [commandId, { type }] of this.open) {
      if (!types.includes(type)) continue;
      this.open.delete(commandId);
      this.stuckOn.delete(commandId);
    }
  }
}
