import type { BrokerOrder } from './broker-order.aggregate.ts';
import type { BrokerageAnswer } from './brokerage-replies.ts';
import { accept, follow, lackingMs, needsReplaced } from './interpret-order.ts';
import {
  restMs,
  type CallReply,
  type Obstacle,
  type Outcome,
  type Revision,
  type RevisionRules,
  type RevisionState,
} from './revision.ts';

const [lookUpBaseMs, waitBaseMs] = [100, 500];
/** After the brokerage took a request to cancel, the stream reports the end, or this look-up does. */
export const cancelLookMs = 2_000;

/** The reply to a submit or a replace. */
export function sent(revision: Revision, reply: CallReply<'submit'> | CallReply<'replace'>, rules: RevisionRules): Outcome {
  const { order, state } = revision;
  const { of, answer, at } = reply;
  switch (answer.kind) {
    case 'order':
      return taken(revision, answer, at, rules);
    case 'unsent':
      return waited(order, state, answer.retryAfterMs);
    case 'refused':
      return refused(revision, answer);
    case 'duplicate':
      return tried(order, sentState(state, at));
    case 'absent':
      if (of === 'replace') return refused(revision, { code: 'not-working', reason: 'the brokerage has no such order' });
  }
  const reason = answer.kind === 'unknown' ? answer.reason : `the brokerage says ${answer.kind}`;
  return notTold(order, sentState(state, at), rules, reason);
}

/** The reply to a request to cancel it. */
export function cancelSent({ order, state }: Revision, answer: BrokerageAnswer, now: string): Outcome {
  switch (answer.kind) {
    case 'unsent':
      return waited(order, state, answer.retryAfterMs);
    case 'refused':
      return { state: { ...state, cancelSentAt: now, cancelRefused: answer.reason }, againMs: 0 };
    case 'absent':
      return { state: { ...state, cancelSentAt: now, cancelRefused: 'the brokerage has no such order' }, againMs: 0 };
    case 'unknown':
      return tried(order, state);
    default:
      return { state: { ...state, cancelSentAt: now }, againMs: cancelLookMs };
  }
}

/**
 * The reply to a request to cancel the order that it replaces, whose outcome its own reports tell. An unanswered
 * request is repeated.
 */
export function roomRequested({ order, state }: Revision, answer: BrokerageAnswer, now: string): Outcome {
  if (answer.kind === 'unsent') return waited(order, state, answer.retryAfterMs);
  return watched(order, answer.kind === 'unknown' ? state : { ...state, roomRequestedAt: now });
}

/** It is not sent, and certainly not at the brokerage. */
export function obstructed({ order, state }: Revision, obstacle: Obstacle): Outcome {
  if (obstacle.kind === 'canceled') order.withdraw(obstacle.commandId);
  else if (obstacle.kind === 'lapsed') order.lapse(obstacle.reason, obstacle.lastPrice);
  else order.refuse(obstacle.code, obstacle.reason);
  return { state };
}

/** The outcome is unknown; once the budget of calls and look-ups is spent, an operator has to look. */
export function notTold(order: BrokerOrder, state: RevisionState, rules: RevisionRules, reason: string): Outcome {
  const outcome = tried(order, state);
  const { sends = 0, tries = 0 } = outcome.state;
  order.outcomeUnknown(Math.max(1, sends), reason);
  if (tries >= rules.tries) order.unresolved(tries, reason);
  return outcome;
}

/** Try again shortly. */
function tried(order: BrokerOrder, state: RevisionState): Outcome {
  const tries = (state.tries ?? 0) + 1;
  return { state: { ...state, tries }, againMs: restMs(order.id, tries, lookUpBaseMs) };
}

/** Work is in progress at the brokerage: look again shortly. */
export function watched(order: BrokerOrder, state: RevisionState): Outcome {
  const waits = (state.waits ?? 0) + 1;
  return { state: { ...state, waits }, againMs: restMs(order.id, waits, lookUpBaseMs) };
}

/** The call certainly did nothing: wait, and start again as if it had not been tried. */
function waited(order: BrokerOrder, state: RevisionState, retryAfterMs = 0): Outcome {
  const waits = (state.waits ?? 0) + 1;
  return { state: { ...state, waits }, againMs: Math.max(retryAfterMs, restMs(order.id, waits, waitBaseMs)) };
}

/** It was sent, and from now on a look-up can show it. */
const sentState = ({ absentAt: _, isTaken: __, ...state }: RevisionState, at: string): RevisionState => ({
  ...state,
  sentAt: at,
  sends: (state.sends ?? 0) + 1,
});

/** The brokerage accepted it. If it replaces another there, only both orders together tell the outcome. */
function taken(
  revision: Revision,
  { order: shown }: Extract<BrokerageAnswer, { kind: 'order' }>,
  at: string,
  rules: RevisionRules,
): Outcome {
  const { order, state } = revision;
  if (needsReplaced(revision, shown, rules)) return { state: { ...sentState(state, at), isTaken: true }, againMs: 0 };
  accept(revision, shown, false);
  follow(revision, shown, false);
  return { state: sentState(state, at), ...(order.lacks(shown) && { againMs: lackingMs }) };
}

/** A refusal is final, unless an earlier call has an unknown outcome: that order may still appear. */
function refused({ order, state }: Revision, { code, reason }: { readonly code: string; readonly reason: string }): Outcome {
  if (state.sentAt !== undefined || order.progress === 'unknown')
    return { state: { ...state, refusal: { code, reason } }, againMs: 0 };
  order.refuse(code, reason);
  return { state };
}
