import { execTypeOf, isTerminal, meaningOf, ordStatuses, type OrdStatus } from '../src/index.ts';
import type { Transition } from '../src/order/order-transitions.ts';
import { printed, table } from './printed.ts';
import { orderStates } from '../src/order/order-states.ts';

type EventName = keyof typeof orderStates;
const events = Object.keys(orderStates) as EventName[];
const transitionOf = (event: EventName, status: OrdStatus): Transition => orderStates[event][status];

/** `→ filled`, `rests`, `stays`, `ignored`, `refused`. */
const inShort = (transition: Transition): string =>
  ({
    move: transition.act === 'move' ? `→ ${transition.to}` : '',
    rest: 'rests',
    restProven: 'proves',
    restEnded: 'rests ended',
    stay: 'stays',
    ignore: 'ignored',
    refuse: 'refused',
  })[transition.act];

/** FIX 4.4 tag 39; null if FIX has no equivalent. */
const fixOrdStatus: Readonly<Record<OrdStatus, string | null>> = {
  pendingNew: 'A',
  new: '0',
  partiallyFilled: '1',
  filled: '2',
  overfilled: '2',
  busted: '4',
  doneForDay: '3',
  canceled: '4',
  pendingCancel: '6',
  pendingReplace: 'E',
  rejected: '8',
  denied: '8',
  suspended: '9',
  expired: 'C',
  unknown: null,
};

const states = table(
  ['state', 'means', 'ends', 'FIX OrdStatus (39)'],
  ordStatuses.map((status) => [`\`${status}\``, meaningOf[status], isTerminal(status) ? 'yes' : '', fixOrdStatus[status] ?? '-']),
);

const matrix = table(
  ['event', 'FIX ExecType (150)', ...ordStatuses],
  events.map((event) => [event, execTypeOf[event] ?? '-', ...ordStatuses.map((status) => inShort(transitionOf(event, status)))]),
);

/** Each event with its reasons, and the states that each applies to. */
const reasons = events
  .map((event) => {
    const byReason = new Map<string, OrdStatus[]>();
    for (const status of ordStatuses) {
      const transition = transitionOf(event, status);
      if (!('why' in transition)) continue;
      const code = transition.act === 'refuse' ? ` (\`${transition.code}\`)` : '';
      const reason = `${inShort(transition)}, ${transition.why}${code}`;
      byReason.set(reason, [...(byReason.get(reason) ?? []), status]);
    }
    const lines = [...byReason].map(
      ([reason, where]) => `  - ${where.length === ordStatuses.length ? 'everywhere' : where.join(', ')}: ${reason}`,
    );
    return [`- **${event}**`, ...lines].join('\n');
  })
  .join('\n');

describe('docs/order-states.md', () => {
  it.each([
    ['states', states],
    ['matrix', matrix],
    ['reasons', reasons],
  ])('shows the %s as computed (UPDATE_GOLDEN=1 rewrites it)', (name, wanted) => {
    const page = printed('order-states.md', name, wanted);
    expect(page.found).toBe(page.wanted);
  });
});
