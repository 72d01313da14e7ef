import { compare, decimal, subtract, zero } from '@tradecore/money';
import type { BrokerOrder } from './broker-order.aggregate.ts';
import type { BrokerageExecution, BrokerageOrder } from './brokerage-replies.ts';
import { openCancels, type Revision, type RevisionRules } from './revision.ts';

/** Executions that the brokerage counts arrive on the stream within moments, or are fetched. */
export const lackingMs = 250;

/**
 * Whether the brokerage replaces for this revision; otherwise we cancel and submit. A revision sent with a rest is
 * never replaced as a whole.
 */
export const isReplacedThere = ({ replaced }: Revision, rules: RevisionRules): boolean =>
  replaced !== undefined && rules.replaceCarriesFills && !replaced.order.countsFromZero;

/** Whether two orders are needed to tell if the brokerage works this one: it replaces another there. */
export const needsReplaced = (revision: Revision, shown: BrokerageOrder, rules: RevisionRules): boolean =>
  revision.order.brokerageOrderId === undefined &&
  revision.order.replaces !== undefined &&
  (shown.replaces !== undefined || isReplacedThere(revision, rules));

/** The brokerage shows it, so it has it. Not for a replacement at the brokerage. */
export function accept({ order }: Revision, shown: BrokerageOrder, found: boolean): void {
  const { terms, replaces, isUnproven } = order;
  if (order.brokerageOrderId !== undefined || terms === undefined) return;
  // Given up, and refused there too.
  if (!isUnproven && shown.status === 'rejected') return;
  if (replaces === undefined) return order.accept(shown, { found });
  if (shown.status === 'rejected') return order.refuse('rejected', `the brokerage says ${shown.brokerageStatus}`);
  // The brokerage works the rest that it was sent, whatever the previous order has traded since.
  const carriedQuantity = subtract(decimal(terms.quantity), decimal(shown.quantity));
  order.accept(shown, {
    found,
    carriedQuantity: compare(carriedQuantity, zero) < 0 ? zero : carriedQuantity,
    countsFromZero: true,
  });
}

type Following = (of: Pick<Revision, 'order' | 'cancels'>, shown: BrokerageOrder, isCurrent: boolean) => void;

const following: Readonly<Record<BrokerageOrder['status'], Following>> = {
  canceled: (of) => of.order.canceled(openCancels(of)[0]),
  expired: ({ order }) => order.expired(),
  rejected: ({ order }, { brokerageStatus }) => order.rejected(`the brokerage says ${brokerageStatus}`),
  // All was traded, and a part taken back: nothing more trades.
  filled: ({ order }) => order.canceled(undefined),
  // These can be undone, and an old report on the stream would undo later changes, so it only causes a look-up.
  doneForDay: ({ order }, _, isCurrent) => {
    if (isCurrent) order.paused('doneForDay');
  },
  suspended: ({ order }, _, isCurrent) => {
    if (isCurrent) order.paused('suspended');
  },
  working: ({ order }, shown, isCurrent) => {
    if (isCurrent && isWorked(shown)) order.resumed();
  },
  // The order that replaced it, or a look-up, tells which one that is.
  replaced: () => undefined,
};

/** It may still trade there: if it is filled in our books, an execution was taken back since. */
const openThere: ReadonlySet<BrokerageOrder['status']> = new Set(['working', 'doneForDay', 'suspended']);

/**
 * Follows the status that the brokerage shows, once all executions that it counts are known. `isCurrent`: the status is
 * current; otherwise it may be old.
 */
export function follow(of: Pick<Revision, 'order' | 'cancels'>, shown: BrokerageOrder, isCurrent: boolean): void {
  const { progress } = of.order;
  const isOpen = progress === 'working' || (progress === 'filled' && openThere.has(shown.status));
  if (isOpen && !of.order.lacks(shown)) following[shown.status](of, shown, isCurrent);
}

/** The brokerage works it: no request waits for an answer there. */
export const isWorked = ({ status, brokerageStatus }: BrokerageOrder): boolean =>
  status === 'working' && !brokerageStatus.startsWith('pending_');

/** Reports each unknown execution. */
export function reportAll(order: BrokerOrder, executions: readonly BrokerageExecution[]): void {
  for (const execution of executions) order.report(execution);
}
