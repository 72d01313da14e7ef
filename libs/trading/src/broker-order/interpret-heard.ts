import type { BrokerOrder } from './broker-order.aggregate.ts';
import type { BrokerageExecution, BrokerageOrder, BrokerageUpdate, ExecutionReport } from './brokerage-replies.ts';
import { accept, follow, isWorked, lackingMs, needsReplaced } from './interpret-order.ts';
import { isExcessive, openCancels, type Outcome, type Reply, type Revision, type RevisionRules } from './revision.ts';
import { decimal } from '@tradecore/money';

/** After a bust or a correction the list is read: it has all executions, whatever came late or out of order. */
const listMs = 1_000;
const asked: Outcome = { state: {}, againMs: 0 };
const cancelRefused: Outcome = { state: { cancelRefused: 'the brokerage refused to cancel it' }, againMs: 0 };
const askedToList: Outcome = { state: { list: true }, againMs: 0 };

/** An update from the stream: possibly late, repeated, or out of order. */
export function heard(revision: Revision, update: BrokerageUpdate, rules: RevisionRules): Outcome {
  const { order } = revision;
  const { order: shown, report } = update;
  const isUnsettled = needsReplaced(revision, shown, rules) && shown.status !== 'rejected';
  if (!isUnsettled) accept(revision, shown, false);
  const isPuzzling = report !== undefined && reported(order, report);
  follow(revision, shown, false);
  if (isUnsettled) return order.isUnproven ? asked : askedToList;
  if (report && report.kind !== 'trade') return { state: { list: true }, againMs: isPuzzling ? 0 : listMs };
  return isRefusedCancel(revision, update) ? cancelRefused : needsLook(revision, shown);
}

/** Only a look-up tells whether this concerns a cancel that still waits. */
const isRefusedCancel = (revision: Revision, { event }: BrokerageUpdate): boolean =>
  event === 'order_cancel_rejected' && revision.order.isOpen && openCancels(revision).length > 0;

/** The current state in the brokerage's lists. */
export function listed(
  revision: Revision,
  { order: shown, executions }: Extract<Reply, { of: 'list' }>,
  rules: RevisionRules,
): Outcome {
  const { order } = revision;
  const wasOpen = order.isOpen;
  const isUnsettled = needsReplaced(revision, shown, rules) && shown.status !== 'rejected';
  if (!isUnsettled) accept(revision, shown, false);
  const differs = executions.some((execution) => isOther(order, execution));
  for (const execution of executions) order.report(execution);
  follow(revision, shown, true);
  if (isUnsettled) return order.isUnproven ? asked : askedToList;
  if (differs || order.exceeds(shown)) return askedToList;
  return !wasOpen && order.isOpen ? asked : needsLook(revision, shown);
}

/** Applies a report; returns whether it names an unknown execution. */
function reported(order: BrokerOrder, report: ExecutionReport): boolean {
  if (report.kind === 'trade') {
    order.report(report.execution);
    return false;
  }
  if (report.kind === 'correction') {
    if (!order.hasReport(report.execution.brokerageExecutionId)) order.correct(report.previous, report.execution);
    return order.execution(report.previous) === undefined;
  }
  const isUnknown = order.execution(report.previous) === undefined;
  // Record it first, then take it back: so its own report, if it comes late, changes nothing.
  if (isUnknown && report.execution) order.report({ ...report.execution, ...report.previous });
  order.bust(report.previous, report.brokerageExecutionId);
  return isUnknown;
}

/** Whether an execution is known with different figures. */
function isOther(order: BrokerOrder, execution: BrokerageExecution): boolean {
  const known = order.execution(execution);
  if (known === undefined) return false;
  return decimal(execution.quantity) !== known.quantity || decimal(execution.price) !== known.price;
}

/** Whether the order has to be looked up, and when. */
function needsLook(revision: Revision, shown: BrokerageOrder): Outcome {
  const { order } = revision;
  if (order.lacks(shown)) return { state: order.isOpen ? {} : { list: true }, againMs: lackingMs };
  const hasChanged = order.progress === 'working' && (shown.status === 'replaced' || mayBePaused(order, shown));
  return order.isUnproven || order.mustCancel || isExcessive(revision) || hasChanged ? asked : { state: {} };
}

const mayBePaused = (order: BrokerOrder, shown: BrokerageOrder): boolean =>
  order.isPaused ? isWorked(shown) : shown.status === 'suspended' || shown.status === 'doneForDay';
