import {
  CancellationAsked,
  OrderChangeAsked,
  PlacementStuck,
  ReleaseAsked,
  ReplacementAsked,
  ReservationAsked,
  ReservationChangeAsked,
  SettlementAsked,
  stepIdFor,
  SubmissionAsked,
  type Execution,
  type RevisionTerms,
  type OrderChange,
  type Step,
} from '@tradecore/events';
import { PlacementState, type PlacementRevision, type StepEvent } from './order-placement-state.ts';
import { later, millisecondsOf } from './time.ts';

/** What is done when nobody answered within the budget: take it back, or say that somebody has to look and ask on. */
type Compensation = 'deny the order' | 'keep the old terms' | 'stuck';

/**
 * How long each step waits for its first answer, how often it is asked, and what then. Each wait is twice the one before. The account and the
 * order answer at once when they are there; the gateway answers when it has stored the intent, and has budgets of its own for the broker.
 */
export const stepRules = {
  ReservationAsked: { deadlineMs: 10_000, attempts: 5, then: 'deny the order' },
  ReservationChangeAsked: { deadlineMs: 10_000, attempts: 5, then: 'keep the old terms' },
  SettlementAsked: { deadlineMs: 10_000, attempts: 5, then: 'stuck' },
  ReleaseAsked: { deadlineMs: 10_000, attempts: 5, then: 'stuck' },
  OrderChangeAsked: { deadlineMs: 10_000, attempts: 5, then: 'stuck' },
  SubmissionAsked: { deadlineMs: 30_000, attempts: 5, then: 'stuck' },
  ReplacementAsked: { deadlineMs: 30_000, attempts: 5, then: 'stuck' },
  CancellationAsked: { deadlineMs: 30_000, attempts: 5, then: 'stuck' },
} as const satisfies Record<StepEvent['type'], { deadlineMs: number; attempts: number; then: Compensation }>;

/** How often a step is asked again once its budget is spent, in milliseconds. */
export const stuckEveryMs = 300_000;

/** Steps that one waking attends to: each comes to at most two events, and a save takes 100. The others stay due, and are next. */
const overdueAtOnce = 40;

const stepClasses = {
  ReservationAsked,
  ReservationChangeAsked,
  SettlementAsked,
  ReleaseAsked,
  OrderChangeAsked,
  SubmissionAsked,
  ReplacementAsked,
  CancellationAsked,
};
type StepData<T extends StepEvent['type']> = Omit<Extract<StepEvent, { readonly type: T }>['data'], keyof Step>;

/** The steps of an order's saga: whom each asks, under which name, and until when. A step of a name is asked once, however often it is decided. */
export abstract class PlacementSteps extends PlacementState {
  /** The moment of this decision, RFC 3339. */
  protected now = '';

  protected askReservation(): void {
    const { orderId, accountId, symbol, side, quantity, reservePrice } = this.known();
    this.ask('ReservationAsked', accountId, '', { orderId, symbol, side, quantity, unitPrice: reservePrice });
  }

  /** `about` names why: the same reason asks once. */
  protected askReservationFor(revision: PlacementRevision, about: string): void {
    const { orderId, accountId } = this.known();
    const quantity = this.openQuantity(revision);
    this.ask('ReservationChangeAsked', accountId, about, { orderId, quantity, unitPrice: revision.reservePrice });
  }

  protected askSettlement({ executionId, quantity, price, executedAt }: Execution): void {
    const { orderId, accountId, symbol, side } = this.known();
    const execution = { executionId, quantity, price, executedAt };
    this.ask('SettlementAsked', accountId, executionId, { orderId, symbol, side, ...execution });
  }

  protected askRelease(): void {
    const { orderId, accountId } = this.known();
    this.ask('ReleaseAsked', accountId, '', { orderId });
  }

  protected askSubmission(revision: PlacementRevision): void {
    this.ask('SubmissionAsked', revision.brokerOrderId, String(revision.revision), this.revisionTerms(revision));
  }

  protected askReplacement(revision: PlacementRevision, replaces: string): void {
    this.ask('ReplacementAsked', revision.brokerOrderId, String(revision.revision), {
      ...this.revisionTerms(revision),
      replaces,
    });
  }

  protected askCancellation({ revision, brokerOrderId }: PlacementRevision, request: number): void {
    this.ask('CancellationAsked', brokerOrderId, `${revision}/${request}`, { orderId: this.known().orderId });
  }

  /** Tells the order; `about` tells changes of one type apart. */
  protected tell(change: OrderChange, about: string | number = ''): void {
    this.ask('OrderChangeAsked', this.known().orderId, `${change.type}/${about}`, { change });
  }

  /** The steps whose deadline has passed, as many as one save can hold: an order that trades in many parts may have hundreds. */
  protected overdue(): readonly StepEvent[] {
    const now = millisecondsOf(this.now);
    return [...this.open.values()].filter(({ data }) => millisecondsOf(data.dueAt) <= now).slice(0, overdueAtOnce);
  }

  /** Asks again under the same name: whoever has answered already answers the same, or nothing. */
  protected askAgain(step: StepEvent): void {
    const attempt = step.data.attempt + 1;
    this.apply(new stepClasses[step.type]({ ...step.data, attempt, dueAt: this.dueAfter(step.type, attempt) } as never));
  }

  /** Says once that somebody has to look: at a step, or at something else that is waited for. */
  protected stuck(waitingFor: string, attempts: number, commandId?: string): void {
    if (this.stuckOn.has(commandId ?? waitingFor)) return;
    this.apply(new PlacementStuck({ waitingFor, attempts, ...(commandId !== undefined && { commandId }) }));
  }

  protected known() {
    if (this.order === undefined) throw new Error(`saga ${this.id} has not begun`);
    return this.order;
  }

  private ask<T extends StepEvent['type']>(type: T, target: string, about: string, data: StepData<T>): void {
    const commandId = stepIdFor(this.id, type, about);
    if (this.asked.has(commandId)) return;
    const step: Step = { target, commandId, attempt: 1, dueAt: this.dueAfter(type, 1) };
    this.apply(new stepClasses[type]({ ...step, ...data } as never));
  }

  private dueAfter(type: StepEvent['type'], attempt: number): string {
    const { deadlineMs, attempts } = stepRules[type];
    return later(this.now, attempt > attempts ? stuckEveryMs : deadlineMs * 2 ** (attempt - 1));
  }

  private revisionTerms({ revision, quantity, limitPrice, stopPrice, collarPrice, goodUntil }: PlacementRevision): RevisionTerms {
    const { accountId, orderId, symbol, side, type, timeInForce } = this.known();
    return {
      accountId,
      orderId,
      revision,
      symbol,
      side,
      type,
      quantity,
      ...(limitPrice !== undefined && { limitPrice }),
      ...(stopPrice !== undefined && { stopPrice }),
      timeInForce,
      ...(collarPrice !== undefined && { collarPrice }),
      ...(goodUntil !== undefined && { goodUntil }),
    };
  }
}
