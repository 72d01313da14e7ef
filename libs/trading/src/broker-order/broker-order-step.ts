import { compare, decimal, isPositive, subtract } from '@tradecore/money';
import type { BrokerOrder } from './broker-order.aggregate.ts';
import { isReplacedThere } from './interpret-order.ts';
import {
  isShort,
  isToCancel,
  openCancels,
  restMs,
  type NextStep,
  type Obstacle,
  type Revision,
  type RevisionFacts,
  type RevisionRules,
} from './revision.ts';
import { millisecondsBetween } from '../time.ts';

/** Wait until the price is known. */
const priceMs = 500;
/** A cancel that the brokerage took without effect is requested again after this long. */
const cancelAgainMs = 10_000;
const comingBaseMs = 100;

/**
 * Decides the next call for a revision. A revision that was sent is looked up until the brokerage shows it or certainly
 * does not have it; only then is it sent again under the same id, or given up as too late, too dear, halted, refused,
 * or cancelled.
 */
export function nextStep(revision: Revision, facts: RevisionFacts, rules: RevisionRules): NextStep {
  const { order, state } = revision;
  if (order.isUnproven) return bringThere(revision, facts, rules);
  if (!order.isOpen) return lastStep(revision);
  if (!isToCancel(revision) || state.list) return lookUp(revision);
  const { cancelSentAt } = state;
  const isAsked =
    cancelSentAt !== undefined &&
    (state.cancelRefused !== undefined || millisecondsBetween(cancelSentAt, facts.now) < cancelAgainMs);
  return isAsked ? lookUp(revision) : { do: 'cancel', brokerageOrderId: order.brokerageOrderId ?? '' };
}

/** The last step of an ended revision: answers a cancel that came too late, compares executions in doubt. */
function lastStep(revision: Revision): NextStep {
  if (revision.order.progress === 'foreign') return { do: 'nothing' };
  const [commandId] = openCancels(revision);
  if (commandId !== undefined) return { do: 'interpret', reply: { of: 'obstacle', obstacle: { kind: 'canceled', commandId } } };
  if (isShort(revision)) return refusal('the brokerage was sent less than the open quantity');
  return revision.state.list ? lookUp(revision) : { do: 'nothing' };
}

function lookUp({ order, replaced, state }: Revision): NextStep {
  const isUnsettled = order.brokerageOrderId === undefined && replaced?.order.brokerageOrderId !== undefined;
  return {
    ...{ do: 'look-up', own: true, list: state.list ?? false },
    ...(isUnsettled && { replaced: replaced.order.brokerageOrderId as string }),
  };
}

/** The next step of a revision that is not proven to be at the brokerage. */
function bringThere(revision: Revision, facts: RevisionFacts, rules: RevisionRules): NextStep {
  const { order, state } = revision;
  const wasSent = state.sentAt !== undefined || order.progress === 'unknown';
  if (wasSent && !absentFor(revision, rules.graceMs)) return lookUp(revision);
  const step = sendingStep(revision, facts, rules);
  const givesUp = step.do === 'interpret' && step.reply.of === 'obstacle';
  return givesUp && wasSent && !absentFor(revision, rules.quarantineMs) ? lookUp(revision) : step;
}

/** Whether the brokerage said, at least `ms` after the last call, that it has no such order. */
function absentFor({ state: { sentAt, absentAt } }: Revision, ms: number): boolean {
  return sentAt !== undefined && absentAt !== undefined && millisecondsBetween(sentAt, absentAt) >= ms;
}

/** Sends it, prepares to send it, or returns the obstacle. */
function sendingStep(revision: Revision, facts: RevisionFacts, rules: RevisionRules): NextStep {
  const obstacle = obstacleTo(revision, facts);
  if (obstacle === 'no price') return { do: 'wait', ms: priceMs };
  if (obstacle) return { do: 'interpret', reply: { of: 'obstacle', obstacle } };
  const { order, replaced, state } = revision;
  const { terms } = order;
  if (!terms) return { do: 'nothing' };
  if (!replaced) return { do: 'submit', terms };
  if (replaced.order.isUnproven) return { do: 'wait', ms: restMs(order.id, (state.waits ?? 0) + 1, comingBaseMs) };
  const { brokerageOrderId, progress } = replaced.order;
  if (progress === 'working' && brokerageOrderId !== undefined) {
    if (isReplacedThere(revision, rules)) return { do: 'replace', brokerageOrderId, terms };
    return makeRoom(revision, brokerageOrderId, facts.now);
  }
  return submitRest(revision, replaced.order);
}

/**
 * Cancels the previous revision. The intent is remembered first: an order cancelled for another reason is not replaced.
 */
function makeRoom({ state, order }: Revision, brokerageOrderId: string, now: string): NextStep {
  if (!state.makesRoom) return { do: 'interpret', reply: { of: 'room-wanted' } };
  const isAsked = state.roomRequestedAt !== undefined && millisecondsBetween(state.roomRequestedAt, now) < cancelAgainMs;
  if (!isAsked) return { do: 'make-room', brokerageOrderId };
  return { do: 'look-up', own: order.progress === 'unknown', replaced: brokerageOrderId, list: false };
}

/** Submits the part of the client's total that earlier revisions have not traded. */
function submitRest({ order, state }: Revision, replaced: BrokerOrder): NextStep {
  const { terms } = order;
  const isRoom = state.makesRoom && replaced.progress === 'canceled' && replaced.canceledBy === undefined;
  if (!isRoom || !terms) return refusal(`the order is ${replaced.progress}`);
  const rest = subtract(decimal(terms.quantity), decimal(replaced.filledQuantity));
  return isPositive(rest) ? { do: 'submit', terms: { ...terms, quantity: rest } } : refusal('the order has traded in full');
}

const refusal = (reason: string): NextStep => ({
  do: 'interpret',
  reply: { of: 'obstacle', obstacle: { kind: 'refused', code: 'not-working', reason } },
});

/** Why a revision that is not at the brokerage is not sent. */
function obstacleTo(revision: Revision, facts: RevisionFacts): Obstacle | 'no price' | undefined {
  const { order, replaced, state } = revision;
  const [commandId] = openCancels(revision);
  if (commandId !== undefined) return { kind: 'canceled', commandId };
  if (state.refusal) return { kind: 'refused', ...state.refusal };
  if (replaced && openCancels(replaced).length > 0) {
    return { kind: 'refused', code: 'not-working', reason: 'the order is being cancelled' };
  }
  const { goodUntil } = order.terms ?? {};
  if (goodUntil !== undefined && millisecondsBetween(goodUntil, facts.now) > 0)
    return { kind: 'lapsed', reason: 'time-in-force' };
  // The replacement of an order that was cancelled for it is not a new order.
  if (facts.isHalted && !state.makesRoom) return { kind: 'lapsed', reason: 'trading-halted' };
  return beyondCollar(order, facts.lastPrice);
}

/** Whether the market is too far away to send an order without a limit. */
function beyondCollar({ terms }: BrokerOrder, lastPrice: string | undefined): Obstacle | 'no price' | undefined {
  if (terms?.collarPrice === undefined) return undefined;
  if (lastPrice === undefined) return 'no price';
  const beyond = compare(decimal(lastPrice), decimal(terms.collarPrice));
  return (terms.side === 'buy' ? beyond > 0 : beyond < 0) ? { kind: 'lapsed', reason: 'collar', lastPrice } : undefined;
}
