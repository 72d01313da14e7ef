import { BaseAggregate } from '@tradecore/event-sourcing';
import type {
  CancelBrokerOrder,
  OrderChange,
  OrderPlacementEvent,
  PlacementEnded,
  PlacementResumed,
  PlacementStuck,
  ReplaceBrokerOrder,
  RevisionEnded,
  SubmitBrokerOrder,
} from '@tradecore/events';

/** The events that are steps: commands to the gateway. */
export type StepEvent = SubmitBrokerOrder | ReplaceBrokerOrder | CancelBrokerOrder;

/** What the saga of one order has asked of the gateway. What the order, its account and the brokerage know stands there, not here. */
export class OrderPlacement extends BaseAggregate<OrderPlacementEvent> {
  static readonly type = 'OrderPlacement';

  readonly #commandIds = new Set<string>();
  /** The last attempt of each step about the revision in hand, by command id. */
  readonly #steps = new Map<string, StepEvent>();
  readonly #endings = new Map<number, OrderChange>();
  readonly #stuckOn = new Map<string, PlacementStuck['data']>();
  #ended = false;

  /** Whether there ever was a step of this command id. */
  hasStep(commandId: string): boolean {
    return this.#commandIds.has(commandId);
  }

  /** The steps that the gateway may still have to take: those about the revision that was sent last. */
  get steps(): readonly StepEvent[] {
    return [...this.#steps.values()];
  }

  /** How a revision ended at the brokerage while its replacement was at the gateway. */
  endingOf(revision: number): OrderChange | undefined {
    return this.#endings.get(revision);
  }

  /** Whether this was already called for: a step's command id, or what else is waited for. */
  isStuckOn(what: string): boolean {
    return this.#stuckOn.has(what);
  }

  /** What an operator has to look at. */
  get stuck(): readonly PlacementStuck['data'][] {
    return [...this.#stuckOn.values()];
  }

  /** Whether an operator has to look. */
  get isStuck(): boolean {
    return this.#stuckOn.size > 0 && !this.#ended;
  }

  /** Whether the order has ended. A later execution is booked all the same. */
  get isEnded(): boolean {
    return this.#ended;
  }

  onSubmitBrokerOrder(step: SubmitBrokerOrder): void {
    this.#ask(step);
  }

  /** The order was working, so that what was asked about the revision before has been taken. */
  onReplaceBrokerOrder(step: ReplaceBrokerOrder): void {
    if (step.data.attempt === 1) this.#steps.clear();
    this.#ask(step);
  }

  /** A cancel is requested when the one before was answered. */
  onCancelBrokerOrder(step: CancelBrokerOrder): void {
    const before = this.steps.find(({ type }) => type === step.type);
    if (before && step.data.attempt === 1) this.#steps.delete(before.data.commandId);
    this.#ask(step);
  }

  onRevisionEnded({ data }: RevisionEnded): void {
    this.#endings.set(data.revision, data.change);
  }

  onPlacementStuck({ data }: PlacementStuck): void {
    this.#stuckOn.set(data.commandId ?? data.waitingFor, data);
  }

  onPlacementResumed({ data }: PlacementResumed): void {
    this.#stuckOn.delete(data.commandId ?? data.waitingFor);
  }

  onPlacementEnded(_: PlacementEnded): void {
    this.#ended = true;
  }

  #ask(step: StepEvent): void {
    this.#commandIds.add(step.data.commandId);
    this.#steps.set(step.data.commandId, step);
  }
}
