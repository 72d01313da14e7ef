import { AnswerNoted, PlacementEnded, placementIdFor } from '@tradecore/events';
import type { AccountEvent, BrokerOrderEvent, OrderEvent, RecordedEvent } from '@tradecore/events';
import { PlacementDecisions } from './order-placement-decisions.ts';

type Heard = OrderEvent | AccountEvent | BrokerOrderEvent;
type Reactions = { readonly [E in Heard as E['type']]?: (saga: OrderPlacement, event: RecordedEvent<E>) => void };

/**
 * The saga of one order, from its approval to its end. Its events are its steps: each is stored, and is a command to the aggregate that it
 * names. What it hears and what follows is the table below, all of it; `docs/order-saga.md` shows it as a page.
 */
export class OrderPlacement extends PlacementDecisions {
  static readonly type = 'OrderPlacement';

  /** The account's answers that lead on; they count while they are waited for. All others only end the waiting. */
  static readonly #answers: Reactions = {
    ReservationMade: (saga) => saga.submit(),
    ReservationRefused: (saga, { data }) => saga.deny(data),
    ReservationChanged: (saga) => saga.sendReplacement(),
    ReservationChangeRefused: (saga, { data }) => saga.keepOldTerms(data.reason),
  };

  static readonly #facts: Reactions = {
    // from the order's client
    OrderApproved: (saga, { aggregateId, data }) => saga.start(aggregateId, data),
    OrderCancelRequested: (saga, { aggregateVersion }) => saga.wishCancel(aggregateVersion),
    OrderReplaceRequested: (saga, { aggregateVersion, data }) => saga.wishReplace(data, aggregateVersion),
    // from the broker about a revision
    BrokerOrderAccepted: (saga, { aggregateId }) => saga.acknowledge(aggregateId),
    BrokerOutcomeUnknown: (saga, { aggregateId, data }) => saga.lookOut(aggregateId, data.reason),
    BrokerOutcomeUnresolved: (saga, { aggregateId, data }) => saga.callForHelp(aggregateId, data.attempts),
    BrokerOrderDoneForDay: (saga, { aggregateId, id }) => saga.pass(aggregateId, { type: 'OrderDoneForDay', data: {} }, id),
    BrokerOrderSuspended: (saga, { aggregateId, data, id }) => saga.pass(aggregateId, { type: 'OrderSuspended', data }, id),
    BrokerCancelRejected: (saga, { aggregateId, data }) => saga.keepOn(aggregateId, data.reason),
    BrokerReplaceRejected: (saga, { aggregateId, data }) => saga.refuseRevision(aggregateId, data.reason),
    BrokerOrderReplaced: (saga, { aggregateId, data }) => saga.replacedBy(aggregateId, data.by),
    // its executions
    ExecutionReported: (saga, { aggregateId, data }) => saga.settle(aggregateId, data),
    ExecutionBusted: (saga, { data }) => saga.bust(data),
    ExecutionCorrected: (saga, { data, id }) => saga.correct(data, id),
    // its end; whether it had got to the broker counts for a revision that was to replace another
    BrokerOrderRejected: (saga, { aggregateId, data }) => saga.endRevision(aggregateId, { type: 'OrderRejected', data }, false),
    BrokerOrderLapsed: (saga, { aggregateId, data }) => saga.endRevision(aggregateId, lapsed(data.reason), false),
    BrokerOrderExpired: (saga, { aggregateId }) => saga.endRevision(aggregateId, lapsed('time-in-force'), true),
    BrokerOrderCanceled: (saga, { aggregateId, data }) => saga.endRevision(aggregateId, saga.canceled(), data.atBroker),
  };

  /** The saga that an event of Order, Account or BrokerOrder concerns; undefined when none. */
  static sagaIdOf({ aggregateType, aggregateId, sagaId }: RecordedEvent): string | undefined {
    return aggregateType === 'Order' ? placementIdFor(aggregateId) : (sagaId ?? undefined);
  }

  /** An order that the risk rules let pass begins its saga. */
  static starts({ type }: RecordedEvent): boolean {
    return type === 'OrderApproved';
  }

  /** Decides what an event means at this moment (RFC 3339). Heard again, it means nothing. */
  hear(event: RecordedEvent, now: string): void {
    if (this.order === undefined && !OrderPlacement.starts(event)) return;
    this.now = now;
    const type = event.type as Heard['type'];
    const step = this.answeredBy(event);
    if (step) this.apply(new AnswerNoted({ about: type, from: event.aggregateId, commandId: step.data.commandId }));
    const reaction = (step && OrderPlacement.#answers[type]) ?? OrderPlacement.#facts[type];
    reaction?.(this, event as never);
    this.end();
  }

  /** Asks again, or takes back, what is overdue at this moment (RFC 3339). */
  wake(now: string): void {
    this.now = now;
    for (const step of this.overdue()) this.insist(step);
    this.end();
  }

  private end(): void {
    if (this.outcome !== undefined && this.isReadyToEnd) this.apply(new PlacementEnded({ outcome: this.outcome }));
  }
}

const lapsed = (reason: string) => ({ type: 'OrderExpired', data: { reason } }) as const;
