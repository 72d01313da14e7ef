import { execTypeOf, fixOrdStatus, isTerminal, meaningOf, orderStates, ordStatuses, type OrdStatus } from '../src/index.ts';
import type { Cell } from '../src/order-cells.ts';
import { printed, table } from './printed.ts';

type EventName = keyof typeof orderStates;
const events = Object.keys(orderStates) as EventName[];
const cellOf = (event: EventName, status: OrdStatus): Cell => orderStates[event][status];

/** `→ filled`, `rests`, `stays`, `ignored`, `refused`. */
const inShort = (cell: Cell): string =>
  ({ move: cell.act === 'move' ? `→ ${cell.to}` : '', rest: 'rests', stay: 'stays', ignore: 'ignored', refuse: 'refused' })[
    cell.act
  ];

const states = table(
  ['state', 'means', 'ends', 'FIX OrdStatus (39)'],
  ordStatuses.map((status) => [`\`${status}\``, meaningOf[status], isTerminal(status) ? 'yes' : '', fixOrdStatus[status] ?? '-']),
);

const matrix = table(
  ['event', 'FIX ExecType (150)', ...ordStatuses],
  events.map((event) => [event, execTypeOf[event] ?? '-', ...ordStatuses.map((status) => inShort(cellOf(event, status)))]),
);

/** Each event with its reasons, and the states in which each holds. */
const reasons = events
  .map((event) => {
    const byReason = new Map<string, OrdStatus[]>();
    for (const status of ordStatuses) {
      const cell = cellOf(event, status);
      if (!('why' in cell)) continue;
      const code = cell.act === 'refuse' ? ` (\`${cell.code}\`)` : '';
      const reason = `${inShort(cell)}, ${cell.why}${code}`;
      byReason.set(reason, [...(byReason.get(reason) ?? []), status]);
    }
    const lines = [...byReason].map(
      ([reason, where]) => `  - ${where.length === 14 ? 'everywhere' : where.join(', ')}: ${reason}`,
    );
    return [`- **${event}**`, ...lines].join('\n');
  })
  .join('\n');

describe('docs/order-states.md', () => {
  it.each([
    ['states', states],
    ['matrix', matrix],
    ['reasons', reasons],
  ])('shows the %s as the code has them (UPDATE_GOLDEN=1 prints them anew)', (name, wanted) => {
    const page = printed('order-states.md', name, wanted);
    expect(page.found).toBe(page.wanted);
  });
});
