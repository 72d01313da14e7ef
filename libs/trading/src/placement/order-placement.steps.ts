import {
  brokerOrderIdFor,
  CancelBrokerOrder,
  placementIdFor,
  PlacementResumed,
  ReplaceBrokerOrder,
  stepIdFor,
  SubmitBrokerOrder,
  type Approval,
  type OrderTerms,
  type PlacementStuck,
  type ReplaceTerms,
  type RevisionTerms,
  type Step,
  type StepEvent,
} from '@tradecore/events';
import type { OrderState } from '../order/order-fold.ts';
import { termsIn } from '../order/order-terms.ts';
import { later } from '../time.ts';

/**
 * The deadline of a step, after which the gateway is asked whether it has it, and how often the step is repeated if it
 * does not: each wait is twice the previous one. The gateway's budget, not the saga's, limits how long the brokerage
 * may take.
 */
export const stepRules = { deadlineMs: 30_000, attempts: 5 } as const;

/** How often a step is repeated once its budget is spent, in milliseconds. */
export const stuckEveryMs = 300_000;

/** The step that sends an order to the brokerage: stored in the save that places the order. */
export function submitStep(orderId: string, terms: OrderTerms, approval: Approval, now: string): SubmitBrokerOrder {
  return new SubmitBrokerOrder({
    ...stepOf(stepIdFor(placementIdFor(orderId), SubmitBrokerOrder.type, '1'), brokerOrderIdFor(orderId, 1), now),
    ...revisionTerms(orderId, 1, terms, approval),
  });
}

/** The step that replaces the revision in force by the requested one. */
export function replaceStep(order: OrderState, now: string): ReplaceBrokerOrder {
  const { orderId, requested, terms } = order;
  if (!requested) throw new Error(`order ${orderId} has no replace request`);
  const { revision } = requested;
  return new ReplaceBrokerOrder({
    ...stepOf(replaceCommandId(orderId, revision), brokerOrderIdFor(orderId, revision), now),
    ...revisionTerms(orderId, revision, { ...terms, ...termsIn(requested) }, requested),
    replaces: brokerOrderIdFor(orderId, order.revision),
  });
}

/**
 * The step that cancels the revision in force; each request of the client, known by its version, is a separate step.
 */
export function cancelStep(order: OrderState, now: string): CancelBrokerOrder {
  const { orderId, revision, placed } = order;
  return new CancelBrokerOrder({
    ...stepOf(cancelCommandId(order), brokerOrderIdFor(orderId, revision), now),
    ...{ orderId, accountId: placed.accountId, revision },
  });
}

/** The command id of the step that replaces by this revision. */
export const replaceCommandId = (orderId: string, revision: number): string =>
  stepIdFor(placementIdFor(orderId), ReplaceBrokerOrder.type, String(revision));

/** The command id of the step that cancels the revision in force for the waiting request. */
export const cancelCommandId = ({ orderId, revision, cancelVersion }: OrderState): string =>
  stepIdFor(placementIdFor(orderId), CancelBrokerOrder.type, `${revision}/${cancelVersion}`);

/** The terms of a replace, with those in force where it does not change them. */
export const termsOf = (
  requested: ReplaceTerms,
  before: OrderTerms,
): Pick<OrderTerms, 'quantity' | 'limitPrice' | 'stopPrice'> => ({
  quantity: before.quantity,
  ...termsIn(before),
  ...termsIn(requested),
});

/** The same step again, under the same command id. */
export function nextAttempt(step: StepEvent, now: string): StepEvent {
  const attempt = step.data.attempt + 1;
  const dueAt = later(now, attempt > stepRules.attempts ? stuckEveryMs : stepRules.deadlineMs * 2 ** (attempt - 1));
  return new classes[step.type]({ ...step.data, attempt, dueAt } as never);
}

/** The wait of `stuck` has ended. */
export const resumedAfter = ({ attempts: _, ...what }: PlacementStuck['data']): PlacementResumed => new PlacementResumed(what);

const classes = { SubmitBrokerOrder, ReplaceBrokerOrder, CancelBrokerOrder };

const stepOf = (commandId: string, target: string, now: string): Step => ({
  target,
  commandId,
  attempt: 1,
  dueAt: later(now, stepRules.deadlineMs),
});

function revisionTerms(orderId: string, revision: number, terms: OrderTerms, approval: Approval): RevisionTerms {
  const { clientOrderId: _, ...own } = terms;
  const { collarPrice, goodUntil } = approval;
  return {
    ...own,
    orderId,
    revision,
    ...(collarPrice !== undefined && { collarPrice }),
    ...(goodUntil !== undefined && { goodUntil }),
  };
}
