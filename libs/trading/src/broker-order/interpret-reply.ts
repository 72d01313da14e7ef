/**
 * What a reply of the brokerage means: the contract of every driver of BrokerOrders (broker-gateway, the simulation).
 *
 * A driver has a row of work for each BrokerOrder with something open, and loops:
 *   1. load the `Revision`: the BrokerOrder (`openedBy` its stored Submit or Replace step), the one that it replaces,
 *      open cancels, the row's state; a row that was interrupted or recreated gets `interrupted(state, now)`;
 *   2. `nextStep(revision, facts, rules)` names the one next call; make it, outside of any transaction;
 *   3. `interpretReply(revision, reply, rules, now)` leaves events uncommitted in `order` and `replaced`; save both
 *      together with the row (`state`, due after `again`); `done` removes the rows of the BrokerOrder, and those of
 *      `replaced` if it has ended; the row of an answered cancel is removed too (`openCancels`). On a conflict or a
 *      repeat, load both again and interpret the same reply again.
 * Any process that receives stream updates and lists passes them to `interpretReply` alone; a number in `again`
 * requests the row (creates it if absent), and `tradedLate` a row for the replacement. An order at the brokerage whose
 * id has no stored step is foreign: `BrokerOrder.adopt`.
 * A look-up fetches what `wants(order, shown)` names: the executions of the order, and its successor.
 * Several replies in a row may be interpreted before one save: each with the `state` of the previous one.
 * Save under `commandIdOf(orders)`: then a second save of the same report repeats its ids.
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

/**
 * Applies the reply to `revision.order` and the order of `revision.replaced`. On fresh aggregates the same reply has
 * the same effect.
 */
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

/** What a look-up must fetch besides the order: all its executions, and the order that replaced it. */
export function wants(order: BrokerOrder, shown: BrokerageOrder): { readonly executions: boolean; readonly successor?: string } {
  const isReplaced = shown.status === 'replaced' && order.progress === 'working' && shown.replacedBy !== undefined;
  const executions = order.lacks(shown) || order.exceeds(shown);
  return { executions, ...(isReplaced && { successor: shown.replacedBy as string }) };
}

/**
 * The command id for saving uncommitted events: derived from the first of them, so that the same report has the same
 * ids.
 */
export function commandIdOf(orders: readonly BrokerOrder[]): string {
  const order = orders.find(({ uncommittedEvents }) => uncommittedEvents.length > 0);
  const [first] = order?.uncommittedEvents ?? [];
  if (!order || !first) throw new Error('nothing to save');
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

/** What follows from the current state of the orders, whatever was reported. */
function tidyUp(revision: Revision): void {
  answerCancels(revision);
  if (revision.replaced) answerCancels(revision.replaced);
  if (isShort(revision)) revision.order.endedShort();
}

/** Nothing is left to cancel once it has ended. */
function answerCancels({ order, cancels }: Pick<Revision, 'order' | 'cancels'>): void {
  if (order.isOpen) return;
  for (const commandId of openCancels({ order, cancels })) order.rejectCancel(commandId, `it is ${order.progress}`);
}

/** The state to remember, and when the next step is due. */
function settled(revision: Revision, { state, againMs }: Outcome): Interpretation {
  const { order } = revision;
  if (order.isUnproven) return { state, again: againMs ?? 0 };
  if (!order.isOpen) return { state: pick(state, ['list', 'suspects']), again: state.list ? (againMs ?? 0) : 'done' };
  if (!isToCancel(revision))
    return { state: pick(state, ['list', 'suspects']), again: againMs ?? (state.list ? 0 : 'when-asked') };
  const kept = pick(state, ['list', 'suspects', 'cancelSentAt', 'cancelRefused', 'waits', 'tries']);
  return { state: kept, again: againMs ?? 0 };
}

/** The part of the state that still matters. */
const pick = (state: RevisionState, names: readonly (keyof RevisionState)[]): RevisionState =>
  Object.fromEntries(names.filter((name) => state[name] !== undefined).map((name) => [name, state[name]]));
