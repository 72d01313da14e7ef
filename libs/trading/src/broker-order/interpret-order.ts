import { compare, decimal, subtract, zero } from '@tradecore/money';
import type { BrokerOrder } from './broker-order.aggregate.ts';
import type { BrokerageExecution, BrokerageOrder } from './brokerage-replies.ts';
import { openCancels, type Revision, type RevisionRules } from './revision.ts';

/** Executions that the brokerage counts come over the stream within moments, or are fetched. */
export const lackingMs = 250;

/** Whether the brokerage replaces for this revision, or we cancel and submit: what was sent with a rest once is never replaced as a whole. */
export const isReplacedThere = ({ replaced }: Revision, rules: RevisionRules): boolean =>
  replaced !== undefined && rules.replaceCarriesFills && !replaced.order.countsFromZero;

/** Whether it takes two orders to tell whether the brokerage works this one: it replaces another there. */
export const needsReplaced = (revision: Revision, shown: BrokerageOrder, rules: RevisionRules): boolean =>
  revision.order.brokerageOrderId === undefined &&
  revision.order.replaces !== undefined &&
  (shown.replaces !== undefined || isReplacedThere(revision, rules));

/** The brokerage shows it: it has it. Not for what replaces another there. */
export function accept({ order }: Revision, shown: BrokerageOrder, found: boolean): void {
  const { terms, replaces, isUnproven } = order;
  if (order.brokerageOrderId !== undefined || terms === undefined) return;
  // Given up, and refused there as well.
  if (!isUnproven && shown.status === 'rejected') return;
  if (replaces === undefined) return order.accept(shown, { found });
  if (shown.status === 'rejected') return order.refuse('rejected', `the brokerage says ${shown.brokerageStatus}`);
  // What the brokerage works is the rest that it was sent with, whatever the order before it has traded since.
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
  // All was traded, and a part taken back: nothing of it trades any more.
  filled: ({ order }) => order.canceled(undefined),
  // There is a way back from these: an old word of the stream would undo what has happened since, so it only makes somebody look.
  doneForDay: ({ order }, _, isCurrent) => {
    if (isCurrent) order.paused('doneForDay');
  },
  suspended: ({ order }, _, isCurrent) => {
    if (isCurrent) order.paused('suspended');
  },
  working: ({ order }, shown, isCurrent) => {
    if (isCurrent && isWorked(shown)) order.resumed();
  },
  // Which order took its place is told by that one, or by a look-up.
  replaced: () => undefined,
};

/** It may trade there, now or later: filled in our books, it is so by what was taken back since. */
const openThere: ReadonlySet<BrokerageOrder['status']> = new Set(['working', 'doneForDay', 'suspended']);

/** Follows the status that the brokerage shows, once all executions are known that it counts. `isCurrent`: it is so now; else the word may be old. */
export function follow(of: Pick<Revision, 'order' | 'cancels'>, shown: BrokerageOrder, isCurrent: boolean): void {
  const { progress } = of.order;
  const isOpen = progress === 'working' || (progress === 'filled' && openThere.has(shown.status));
  if (isOpen && !of.order.lacks(shown)) following[shown.status](of, shown, isCurrent);
}

/** The brokerage works it: nothing waits for an answer there. */
export const isWorked = ({ status, brokerageStatus }: BrokerageOrder): boolean =>
  status === 'working' && !brokerageStatus.startsWith('pending_');

/** Reports each execution that is not known. */
export function reportAll(order: BrokerOrder, executions: readonly BrokerageExecution[]): void {
  for (const execution of executions) order.report(execution);
}
