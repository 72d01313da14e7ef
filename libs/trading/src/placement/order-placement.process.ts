import type { AnyAggregate } from '@tradecore/event-sourcing';
import {
  placementIdFor,
  PlacementStuck,
  type AccountEvent,
  type BrokerOrderEvent,
  type ForeignOrderAdopted,
  type OrderApproved,
  type OrderCancelRequested,
  type OrderEvent,
  type OrderPlacementEvent,
  type OrderReplaceRequested,
  type PlacementResumed,
  type RecordedEvent,
  type StepEvent,
} from '@tradecore/events';
import { Account } from '../account/account.aggregate.ts';
import { OrderPlacement } from './order-placement.aggregate.ts';
import { Decision, type Participants, type PlacementDecision } from './order-placement.decision.ts';
import { nextAttempt, resumedAfter, stepRules } from './order-placement.steps.ts';
import { Order } from '../order/order.aggregate.ts';
import { millisecondsBetween } from '../time.ts';

/** The inputs of the saga. */
export type PlacementInput =
  OrderApproved | OrderCancelRequested | OrderReplaceRequested | Exclude<BrokerOrderEvent, ForeignOrderAdopted>;

type Reactions = { readonly [E in PlacementInput as E['type']]: (decision: Decision, event: RecordedEvent<E>) => void };

const nothing = (): void => undefined;

/**
 * The meaning of each input; `goOn` then decides what follows from the order. `docs/order-saga.md` is printed from this
 * table.
 */
export const reactions: Reactions = {
  // from the order's client: the order holds the request
  OrderApproved: nothing,
  OrderCancelRequested: nothing,
  OrderReplaceRequested: nothing,
  // from the brokerage about a revision
  BrokerOrderAccepted: (decision, { aggregateId }) => decision.acknowledge(aggregateId),
  BrokerOutcomeUnknown: (decision, { aggregateId, data }) => decision.outcomeUnknown(aggregateId, data.reason),
  BrokerOutcomeUnresolved: (decision, { aggregateId, data }) => decision.unresolved(aggregateId, data.attempts),
  BrokerOrderDoneForDay: (decision, { aggregateId }) => decision.pause(aggregateId, 'doneForDay'),
  BrokerOrderSuspended: (decision, { aggregateId, data }) => decision.pause(aggregateId, 'suspended', data.reason),
  BrokerOrderResumed: (decision, { aggregateId }) => decision.resume(aggregateId),
  BrokerCancelRejected: (decision, { aggregateId, data }) => decision.cancelRejected(aggregateId, data.answers, data.reason),
  BrokerReplaceRejected: (decision, { aggregateId, data }) => decision.replaceRejected(aggregateId, data.reason),
  BrokerOrderReplaced: (decision, { aggregateId, data }) => decision.replaced(aggregateId, data.by),
  // its executions
  ExecutionReported: (decision, { aggregateId, data }) => decision.executed(aggregateId, data),
  ExecutionBusted: (decision, { data, time }) => decision.busted(data.executionId, time),
  ExecutionCorrected: (decision, { data }) => decision.corrected(data),
  // its end; for a replacement it matters whether it got to the brokerage
  BrokerOrderRejected: (decision, { aggregateId, data: { code, reason } }) =>
    decision.endRevision(aggregateId, { type: 'OrderRejected', data: { code, reason } }, false),
  BrokerOrderLapsed: (decision, { aggregateId, data }) => decision.endRevision(aggregateId, expired(data.reason), false),
  BrokerOrderExpired: (decision, { aggregateId }) => decision.endRevision(aggregateId, expired('time-in-force'), true),
  BrokerOrderCanceled: (decision, { aggregateId, data }) =>
    decision.endRevision(aggregateId, decision.canceled(), data.atBrokerage),
};

const expired = (reason: string) => ({ type: 'OrderExpired', data: { reason } }) as const;

/**
 * Decides what an input means at time `now` (RFC 3339). Pure: the aggregates are only read. A repeated or outdated
 * input has no effect.
 */
export function decidePlacement(
  input: RecordedEvent<PlacementInput>,
  participants: Participants,
  now: string,
): PlacementDecision {
  const { order, placement } = participants;
  if (order.state === undefined || placement.version === 0) return { order: [], account: [], placement: [] };
  const decision = new Decision(participants, order.state, input.aggregateId, now);
  reactions[input.type](decision, input as never);
  decision.goOn();
  return decision.close();
}

const participantsOf = ([order, account, placement]: readonly AnyAggregate[]): Participants => ({
  order: order as unknown as Order,
  account: account as unknown as Account,
  placement: placement as unknown as OrderPlacement,
});

/** The saga of orders for a process runtime: the events it handles, what follows, and its deadlines. */
export const orderPlacementProcess = {
  aggregates: [Order, Account, OrderPlacement],

  /** Order, account and placement of an event; undefined if the saga does not handle it. */
  idsOf({ type, aggregateType, aggregateId, data, metadata }: RecordedEvent): readonly string[] | undefined {
    if (!Object.hasOwn(reactions, type)) return undefined;
    if (aggregateType === 'Order')
      return metadata.account === undefined ? undefined : [aggregateId, metadata.account, placementIdFor(aggregateId)];
    const { orderId, accountId } = data as { readonly orderId: string; readonly accountId: string };
    return [orderId, accountId, placementIdFor(orderId)];
  },

  decide(
    event: RecordedEvent,
    aggregates: readonly AnyAggregate[],
    now: string,
  ): readonly (readonly (OrderEvent | AccountEvent | OrderPlacementEvent)[])[] {
    const { order, account, placement } = decidePlacement(
      event as RecordedEvent<PlacementInput>,
      participantsOf(aggregates),
      now,
    );
    return [order, account, placement];
  },

  /**
   * The earliest deadline of a step that the gateway may not have. A BrokerOrder with a handled event has been sent, so
   * only a cancel can still be on its way to it. `received`: steps that the gateway is known to have, from an earlier
   * `onDeadline`: they wait without a deadline.
   */
  dueAt(
    process: AnyAggregate,
    handled: Readonly<Record<string, number>>,
    received: ReadonlySet<string> = new Set(),
  ): string | undefined {
    const waiting = openSteps(process).filter(
      ({ type, data }) => !received.has(data.commandId) && (type === 'CancelBrokerOrder' || !handled[data.target]),
    );
    return waiting.map(({ data }) => data.dueAt).sort()[0];
  },

  openSteps: (process: AnyAggregate): readonly { readonly commandId: string; readonly target: string }[] =>
    openSteps(process).map(({ data: { commandId, target } }) => ({ commandId, target })),

  /** Requests again what the gateway does not have, within the budget and then slowly; calls for an operator once. */
  onDeadline(
    aggregates: readonly AnyAggregate[],
    received: ReadonlySet<string>,
    now: string,
  ): readonly (readonly OrderPlacementEvent[])[] {
    const { placement } = participantsOf(aggregates);
    const events = openSteps(placement).flatMap((step): readonly OrderPlacementEvent[] => {
      if (received.has(step.data.commandId)) return resumedFrom(step, placement);
      const isDue = millisecondsBetween(step.data.dueAt, now) >= 0;
      return isDue ? [...stuckOn(step, placement), nextAttempt(step, now)] : [];
    });
    return [[], [], events];
  },

  isEnded: (process: AnyAggregate): boolean => (process as unknown as OrderPlacement).isEnded,

  isStuck: (process: AnyAggregate): boolean => (process as unknown as OrderPlacement).isStuck,
} as const;

const openSteps = (process: unknown): readonly StepEvent[] => {
  const { isEnded, steps } = process as OrderPlacement;
  return isEnded ? [] : steps;
};

function stuckOn({ type, data: { attempt, commandId } }: StepEvent, placement: OrderPlacement): PlacementStuck[] {
  if (attempt < stepRules.attempts || placement.isStuckOn(commandId)) return [];
  return [new PlacementStuck({ waitingFor: `the gateway to take ${type}`, attempts: attempt, commandId })];
}

const resumedFrom = ({ data: { commandId } }: StepEvent, placement: OrderPlacement): PlacementResumed[] =>
  placement.stuck.filter((stuck) => stuck.commandId === commandId).map(resumedAfter);
