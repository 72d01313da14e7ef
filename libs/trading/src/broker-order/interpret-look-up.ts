import { compare, decimal } from '@tradecore/money';
import type { BrokerageExecution, BrokerageOrder } from './brokerage-replies.ts';
import { cancelLookMs, notTold, watched } from './interpret-call.ts';
import { accept, follow, lackingMs, needsReplaced, reportAll } from './interpret-order.ts';
import {
  isToCancel,
  openCancels,
  type LookedUp,
  type Outcome,
  type Reply,
  type Revision,
  type RevisionRules,
  type RevisionState,
} from './revision.ts';
import { millisecondsBetween } from '../time.ts';

type LookUp = Extract<Reply, { of: 'look-up' }>;

/** A difference from the brokerage's list counts if it persists this long. */
const suspectMs = 1_000;
/** Delay before the next look-up after "no such order". */
const absentMs = 500;

/** The result of a look-up. */
export function lookedUp(revision: Revision, reply: LookUp, rules: RevisionRules, now: string): Outcome {
  const { order, state } = revision;
  const { own, replaced } = reply;
  if (own === undefined) return roomLookedUp(revision, replaced);
  const { answer } = own;
  if (answer.kind === 'order') return shown(revision, { ...reply, own }, answer.order, rules);
  if (answer.kind !== 'absent')
    return notTold(order, state, rules, 'reason' in answer ? answer.reason : `the brokerage says ${answer.kind}`);
  if (revision.replaced && replaced) take(revision.replaced, replaced);
  return absent(revision, rules, now);
}

/** The brokerage has no such order. For an order that it had this proves nothing: it forgets old ones. */
function absent(revision: Revision, { graceMs }: RevisionRules, now: string): Outcome {
  const { order, state } = revision;
  const { list: _, suspects: __, ...rest } = state;
  if (!order.isUnproven) return { state: rest, ...(isToCancel(revision) && { againMs: cancelLookMs }) };
  const sentAt = state.sentAt ?? now;
  const sinceSent = millisecondsBetween(sentAt, now);
  const soon = state.absentAt === undefined ? 0 : absentMs;
  const againMs = sinceSent < graceMs ? Math.min(absentMs, graceMs - sinceSent + 10) : soon;
  return { state: { ...rest, sentAt, absentAt: now }, againMs };
}

/** The brokerage shows the order. */
function shown(revision: Revision, reply: LookUp & { own: LookedUp }, seen: BrokerageOrder, rules: RevisionRules): Outcome {
  const { order } = revision;
  const { executions } = reply.own;
  const found = order.isUnproven;
  if (needsReplaced(revision, seen, rules)) return replacementShown(revision, reply, seen);
  accept(revision, seen, found);
  reportAll(order, executions ?? []);
  const compared = executions ? compareList(revision, seen, executions) : { state: revision.state };
  follow(revision, seen, true);
  const { successor } = reply;
  if (seen.status === 'replaced' && successor && !successor.isComing && !order.lacks(seen))
    order.replacedBy(successor.brokerOrderId);
  return afterShown({ ...revision, state: compared.state }, seen, compared.againMs);
}

/** When to look again at an order that is shown, and the outcome of a cancel that the brokerage refused. */
function afterShown(revision: Revision, seen: BrokerageOrder, againMs: number | undefined): Outcome {
  const { order } = revision;
  if (order.progress !== 'working') return { state: revision.state, ...(againMs !== undefined && { againMs }) };
  if (order.lacks(seen)) return { state: revision.state, againMs: lackingMs };
  const state = afterRefusedCancel(revision, seen);
  const isCanceling = state.cancelSentAt !== undefined && isToCancel(revision);
  const restsMs = againMs ?? (isCanceling || seen.status === 'replaced' ? cancelLookMs : undefined);
  return { state, ...(restsMs !== undefined && { againMs: restsMs }) };
}

/**
 * A cancel that the brokerage refused is answered so, unless something else is decided there first: then it is
 * requested again.
 */
function afterRefusedCancel(revision: Revision, seen: BrokerageOrder): RevisionState {
  const { cancelRefused, cancelSentAt, ...state } = revision.state;
  const sent = cancelSentAt !== undefined && { cancelSentAt };
  if (cancelRefused === undefined) return { ...state, ...sent };
  if (seen.status === 'replaced' || seen.brokerageStatus.startsWith('pending_')) return state;
  for (const commandId of openCancels(revision)) revision.order.rejectCancel(commandId, cancelRefused);
  return { ...state, ...sent };
}

/** The replaced order, while it is cancelled to make room. */
function roomLookedUp(revision: Revision, lookedUp: LookedUp | undefined): Outcome {
  const { order, replaced, state } = revision;
  if (!replaced || !lookedUp) return watched(order, state);
  take(replaced, lookedUp);
  return replaced.order.isOpen ? watched(order, state) : { state };
}

/** Applies what a look-up shows of the replaced order. */
function take(replaced: Pick<Revision, 'order' | 'cancels'>, { answer, executions = [] }: LookedUp): void {
  reportAll(replaced.order, executions);
  if (answer.kind === 'order') follow(replaced, answer.order, true);
}

/**
 * The brokerage shows the replacement: it counts once the other order is replaced and all executions of that one are
 * known.
 */
function replacementShown(revision: Revision, reply: LookUp & { own: LookedUp }, seen: BrokerageOrder): Outcome {
  const { order, replaced } = revision;
  reportAll(order, reply.own.executions ?? []);
  if (seen.status === 'rejected') return replacementRejected(revision, reply.replaced);
  const answer = reply.replaced?.answer;
  if (!replaced || answer?.kind !== 'order') return watched(order, revision.state);
  return settleBoth(revision, replaced, { seen, old: answer.order, executions: reply.replaced?.executions ?? [] });
}

function replacementRejected({ order, replaced, state }: Revision, old: LookedUp | undefined): Outcome {
  if (replaced && old) take(replaced, old);
  order.refuse('rejected', 'the brokerage rejected the replacement');
  return { state: withoutList(state) };
}

/** The brokerage shows both. */
function settleBoth(revision: Revision, replaced: Pick<Revision, 'order' | 'cancels'>, both: Both): Outcome {
  const { order, state } = revision;
  reportAll(replaced.order, both.executions);
  if (isUndecided(both)) return watched(order, state);
  if (replaced.order.lacks(both.old)) return { state, againMs: lackingMs };
  decide(revision, replaced, both);
  return { state: withoutList(state), ...(order.lacks(both.seen) && { againMs: lackingMs }) };
}

/** A replacement and the previous order, as the brokerage shows them. */
interface Both {
  readonly seen: BrokerageOrder;
  readonly old: BrokerageOrder;
  /** Those of the old order. */
  readonly executions: readonly BrokerageExecution[];
}

/**
 * A brokerage accepts a replacement and refuses it later if the old order ended first: the new order lives only once
 * the old one is replaced.
 */
const isUndecided = ({ seen, old }: Both): boolean =>
  old.status === 'working' || (old.status !== 'replaced' && seen.status === 'working');

/** The brokerage has decided which of two revisions lives; all executions of the old one are known. */
function decide(revision: Revision, replaced: Pick<Revision, 'order' | 'cancels'>, { seen, old }: Both): void {
  const { order } = revision;
  const hasTraded = compare(decimal(seen.filledQuantity), decimal(old.filledQuantity)) > 0;
  if (old.status === 'replaced') replaced.order.replacedBy(order.id);
  else follow(replaced, old, true);
  if (old.status !== 'replaced' && !hasTraded) return order.refuse('rejected', `the brokerage says ${seen.brokerageStatus}`);
  order.accept(seen, { found: !revision.state.isTaken, carriedQuantity: decimal(old.filledQuantity) });
  follow(revision, seen, true);
}

const withoutList = ({ list: _, suspects: __, ...state }: RevisionState): RevisionState => state;

/**
 * Compares all executions of the order with the brokerage's list. A difference counts if it is found twice: a missing
 * execution was taken back if the brokerage also counts fewer shares; one with other figures was corrected.
 */
function compareList({ order, state }: Revision, seen: BrokerageOrder, executions: readonly BrokerageExecution[]): Outcome {
  const listed = new Map(
    executions.map((execution) => [order.execution(execution)?.executionId ?? execution.executionId, execution]),
  );
  const suspects: Record<string, string> = {};
  for (const standing of order.standingExecutions) {
    const shown = listed.get(standing.executionId);
    const differs = shown ? differenceOf(standing, shown) : order.exceeds(seen) ? 'missing' : undefined;
    if (differs === undefined) continue;
    if (state.suspects?.[standing.executionId] !== differs) suspects[standing.executionId] = differs;
    else if (shown) order.correct(standing, shown);
    else order.bust(standing, standing.brokerageExecutionId);
  }
  if (Object.keys(suspects).length === 0) return { state: withoutList(state) };
  return { state: { ...state, list: true, suspects }, againMs: suspectMs };
}

const differenceOf = (
  standing: { quantity: string; price: string },
  { quantity, price }: BrokerageExecution,
): string | undefined =>
  decimal(quantity) === standing.quantity && decimal(price) === standing.price ? undefined : `${quantity} at ${price}`;
