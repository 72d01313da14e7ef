/**
 * What a word of the brokerage means: the contract of whoever drives BrokerOrders (broker-gateway, the simulation).
 *
 * A driver has rows of work, one for each BrokerOrder with something open, and goes round:
 *   1. load the `Revision`: BrokerOrder (`openedBy` its stored Submit or Replace step), the one that it replaces, open cancels, the row's state;
 *      a row whose last round was broken off, or that was made anew, gets `interrupted(state, now)`;
 *   2. `nextStep(revision, facts, rules)` says which one call to make; make it, outside of any transaction;
 *   3. `interpretReply(revision, reply, rules, now)`: events are now uncommitted in `order` and `replaced`; save both together with the row
 *      (`state`, due after `again`); `done` removes the rows of the BrokerOrder, and where `replaced` has ended, its rows as well;
 *      an answered cancel's row goes too (`openCancels`). On a conflict or a repeat load both again and interpret the same reply again.
 * Words of the stream and of lists go through `interpretReply` alone, by whoever hears them; a number in `again` asks for the row (makes one
 * where there is none), and `tradedLate` for a row of what replaces it. An order at the brokerage for whose id no step is stored is foreign: `BrokerOrder.adopt`.
 * A look-up brings what `wants(order, shown)` names: the executions of the order, and who took its place.
 * Several replies in a row may be interpreted before one save: each with the `state` of the one before.
 * Save under `commandIdOf(orders)`: then whoever stores the same word a second time repeats its ids.
 */
import { derivedId } from '@tradecore/events';
import type { BrokerOrder } from './broker-order.aggregate.ts';
import type { BrokerageOrder } from './brokerage-replies.ts';
import { cancelSent, obstructed, roomRequested, sent } from './interpret-call.ts';
import { heard, listed } from './interpret-heard.ts';
import { lookedUp } from './interpret-look-up.ts';
import {
  isShort,
  isToCancel,
  openCancels,
  type Interpretation,
  type Outcome,
  type Reply,
  type Revision,
  type RevisionRules,
  type RevisionState,
} from './revision.ts';

/** Applies to `revision.order`, and to that of `revision.replaced`, what the reply means. On fresh aggregates the same reply means the same. */
export function interpretReply(revision: Revision, reply: Reply, rules: RevisionRules, now: string): Interpretation {
  const { isOpen: wasOpen, filledQuantity } = revision.order;
  const outcome = outcomeOf(revision, reply, rules, now);
  tidyUp(revision);
  const { order } = revision;
  const late = !wasOpen && order.progress === 'canceled' && order.filledQuantity !== filledQuantity && { tradedLate: true };
  if (reply.of !== 'stream' && reply.of !== 'list') return { ...settled(revision, outcome), ...late };
  const rest = wasOpen && !order.isOpen ? 'done' : 'when-asked';
  return { state: outcome.state, again: outcome.againMs ?? rest, ...late };
}

/** What a look-up has to bring beside the order that it shows: all its executions, and the order that took its place. */
export function wants(order: BrokerOrder, shown: BrokerageOrder): { readonly executions: boolean; readonly successor?: string } {
  const isReplaced = shown.status === 'replaced' && order.progress === 'working' && shown.replacedBy !== undefined;
  const executions = order.lacks(shown) || order.exceeds(shown);
  return { executions, ...(isReplaced && { successor: shown.replacedBy as string }) };
}

/** The command id under which uncommitted events are saved: named after the first of them, so that the same word has the same ids. */
export function commandIdOf(orders: readonly BrokerOrder[]): string {
  const order = orders.find(({ uncommittedEvents }) => uncommittedEvents.length > 0);
  const [first] = order?.uncommittedEvents ?? [];
  if (!order || !first) throw new Error('nothing is to be saved');
  const { answers } = first.data as { answers?: string };
  const version = order.version - order.uncommittedEvents.length + 1;
  // An execution is reported once; the brokerage's list may correct it more than once under one id.
  const reported = first.type === 'ExecutionReported' ? first.data.brokerageExecutionId : undefined;
  return derivedId('brokerage-word', order.id, first.type, reported ?? answers ?? `version ${version}`);
}

function outcomeOf(revision: Revision, reply: Reply, rules: RevisionRules, now: string): Outcome {
  switch (reply.of) {
    case 'submit':
    case 'replace':
      return sent(revision, reply, rules);
    case 'cancel':
      return cancelSent(revision, reply.answer, now);
    case 'make-room':
      return roomRequested(revision, reply.answer, now);
    case 'look-up':
      return lookedUp(revision, reply, rules, now);
    case 'stream':
      return heard(revision, reply.update, rules);
    case 'list':
      return listed(revision, reply, rules);
    case 'obstacle':
      return obstructed(revision, reply.obstacle);
    case 'room-wanted':
      return { state: { ...revision.state, makesRoom: true } };
  }
}

/** What follows from how the orders stand now, whatever was said. */
function tidyUp(revision: Revision): void {
  answerCancels(revision);
  if (revision.replaced) answerCancels(revision.replaced);
  if (isShort(revision)) revision.order.endedShort();
}

/** Nothing is left to cancel of what has ended. */
function answerCancels({ order, cancels }: Pick<Revision, 'order' | 'cancels'>): void {
  if (order.isOpen) return;
  for (const commandId of openCancels({ order, cancels })) order.rejectCancel(commandId, `it is ${order.progress}`);
}

/** What is remembered of it as it stands now, and when its next step is due. */
function settled(revision: Revision, { state, againMs }: Outcome): Interpretation {
  const { order } = revision;
  if (order.isUnproven) return { state, again: againMs ?? 0 };
  if (!order.isOpen) return { state: pick(state, ['list', 'suspects']), again: state.list ? (againMs ?? 0) : 'done' };
  if (!isToCancel(revision))
    return { state: pick(state, ['list', 'suspects']), again: againMs ?? (state.list ? 0 : 'when-asked') };
  const kept = pick(state, ['list', 'suspects', 'cancelSentAt', 'cancelRefused', 'waits', 'tries']);
  return { state: kept, again: againMs ?? 0 };
}

/** Of a state what still matters. */
const pick = (state: RevisionState, names: readonly (keyof RevisionState)[]): RevisionState =>
  Object.fromEntries(names.filter((name) => state[name] !== undefined).map((name) => [name, state[name]]));
