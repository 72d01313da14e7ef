import {
  brokerOrderIdFor,
  CancelBrokerOrder,
  placementIdFor,
  ReplaceBrokerOrder,
  stepIdFor,
  SubmitBrokerOrder,
  type Approval,
  type OrderTerms,
  type RevisionTerms,
  type Step,
} from '@tradecore/events';
import type { OrderState } from './order-fold.ts';
import type { StepEvent } from './order-placement.aggregate.ts';
import { later } from './time.ts';

/**
 * How long a step waits before it is asked whether the gateway has it, and how often it is asked again when the gateway does not: each wait is twice
 * the one before. How long the brokerage may take is the gateway's budget, not the saga's.
 */
export const stepRules = { deadlineMs: 30_000, attempts: 5 } as const;

/** How often a step is asked again once its budget is spent, in milliseconds. */
export const stuckEveryMs = 300_000;

/** The step that sends an order to the brokerage: stored in the save that places it. */
export function submitStep(orderId: string, terms: OrderTerms, approval: Approval, now: string): SubmitBrokerOrder {
  const target = brokerOrderIdFor(orderId, 1);
  return new SubmitBrokerOrder({
    ...stepOf(orderId, SubmitBrokerOrder.type, { target, about: '1', now }),
    ...revisionTerms(orderId, 1, terms, approval),
  });
}

/** The step that replaces the revision in force by the one that is requested. */
export function replaceStep(order: OrderState, now: string): ReplaceBrokerOrder {
  const { orderId, requested, terms } = order;
  if (!requested) throw new Error(`order ${orderId} has no replace request`);
  const { revision, quantity = terms.quantity, limitPrice = terms.limitPrice, stopPrice = terms.stopPrice } = requested;
  const prices = { ...(limitPrice !== undefined && { limitPrice }), ...(stopPrice !== undefined && { stopPrice }) };
  return new ReplaceBrokerOrder({
    ...stepOf(orderId, ReplaceBrokerOrder.type, { target: brokerOrderIdFor(orderId, revision), about: String(revision), now }),
    ...revisionTerms(orderId, revision, { ...terms, quantity, ...prices }, requested),
    replaces: brokerOrderIdFor(orderId, order.revision),
  });
}

/** The step that cancels the revision in force; each request of the client, known by its version, is a step of its own. */
export function cancelStep({ orderId, revision, placed, cancelVersion }: OrderState, now: string): CancelBrokerOrder {
  const about = `${revision}/${cancelVersion}`;
  return new CancelBrokerOrder({
    ...stepOf(orderId, CancelBrokerOrder.type, { target: brokerOrderIdFor(orderId, revision), about, now }),
    ...{ orderId, accountId: placed.accountId, revision },
  });
}

/** The same step once more, under the same name. */
export function nextAttempt(step: StepEvent, now: string): StepEvent {
  const attempt = step.data.attempt + 1;
  const dueAt = later(now, attempt > stepRules.attempts ? stuckEveryMs : stepRules.deadlineMs * 2 ** (attempt - 1));
  return new classes[step.type]({ ...step.data, attempt, dueAt } as never);
}

const classes = { SubmitBrokerOrder, ReplaceBrokerOrder, CancelBrokerOrder };

function stepOf(
  orderId: string,
  type: StepEvent['type'],
  { target, about, now }: { readonly target: string; readonly about: string; readonly now: string },
): Step {
  const commandId = stepIdFor(placementIdFor(orderId), type, about);
  return { target, commandId, attempt: 1, dueAt: later(now, stepRules.deadlineMs) };
}

function revisionTerms(orderId: string, revision: number, terms: OrderTerms, approval: Approval): RevisionTerms {
  const { accountId, symbol, side, type, quantity, limitPrice, stopPrice, timeInForce } = terms;
  const { collarPrice, goodUntil } = approval;
  return {
    ...{ accountId, orderId, revision, symbol, side, type, quantity },
    ...(limitPrice !== undefined && { limitPrice }),
    ...(stopPrice !== undefined && { stopPrice }),
    timeInForce,
    ...(collarPrice !== undefined && { collarPrice }),
    ...(goodUntil !== undefined && { goodUntil }),
  };
}
