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
  StepEvent,
  SubmitBrokerOrder,
} from '@tradecore/events';

/**
 * What the saga of one order has requested from the gateway. Facts of the order, its account and the brokerage are not
 * repeated here.
 */
export class OrderPlacement extends BaseAggregate<OrderPlacementEvent> {
  static readonly type = 'OrderPlacement';

  readonly #commandIds = new Set<string>();
  /** The last attempt of each step for the current revision, by command id. */
  readonly #steps = new Map<string, StepEvent>();
  readonly #endings = new Map<number, OrderChange>();
  readonly #stuckOn = new Map<string, PlacementStuck['data']>();
  #ended = false;

  /** Whether there ever was a step with this command id. */
  hasStep(commandId: string): boolean {
    return this.#commandIds.has(commandId);
  }

  /** The steps that the gateway may still have to take: those of the last sent revision. */
  get steps(): readonly StepEvent[] {
    return [...this.#steps.values()];
  }

  /** How a revision ended at the brokerage while its replacement was at the gateway. */
  endingOf(revision: number): OrderChange | undefined {
    return this.#endings.get(revision);
  }

  /** Whether an operator was already called for this: the command id of a step, or another reason to wait. */
  isStuckOn(what: string): boolean {
    return this.#stuckOn.has(what);
  }

  /** What an operator has to resolve. */
  get stuck(): readonly PlacementStuck['data'][] {
    return [...this.#stuckOn.values()];
  }

  /** Whether an operator has to act. */
  get isStuck(): boolean {
    return this.#stuckOn.size > 0 && !this.#ended;
  }

  /** Whether the order has ended. Later executions are still booked. */
  get isEnded(): boolean {
    return this.#ended;
  }

  onSubmitBrokerOrder(step: SubmitBrokerOrder): void {
    this.#ask(step);
  }

  /** The order was working, so the steps of the previous revision were taken. */
  onReplaceBrokerOrder(step: ReplaceBrokerOrder): void {
    if (step.data.attempt === 1) this.#steps.clear();
    this.#ask(step);
  }

  /** A cancel is requested only after the previous one was answered. */
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
