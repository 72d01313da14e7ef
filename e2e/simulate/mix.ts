import type { RecordedEvent } from '@tradecore/events';
import type { Order } from '@tradecore/trading';
import type { BrokerageLine } from './brokerage-line.ts';
import type { Clients } from './clients.ts';
import type { Journal } from './fleet/journal.ts';

/** Names counted by event type alone. */
const counted: Readonly<Record<string, string>> = {
  OrderExecuted: 'executions',
  OrderExecutionBusted: 'executions taken back',
  OrderExecutionCorrected: 'executions corrected',
  OrderReplaced: 'replaced',
  OrderReplaceRejected: 'replace rejected',
  OrderCancelRejected: 'cancel rejected',
  OrderDoneForDay: 'done for the day',
  OrderSuspended: 'suspended',
  OrderResumed: 'worked again after a pause',
  BrokerOutcomeUnknown: 'outcome unknown for a while',
  BrokerOutcomeUnresolved: 'outcome unknown for long',
  BrokerOrderLapsed: 'too late, too dear or halted before it was sent',
  RevisionEnded: 'ended while its replacement was on its way',
  PlacementStuck: 'operator called',
  ForeignOrderAdopted: 'orders of others at the brokerage',
  TradingHalted: 'trading halted',
};

type Count = (name: string) => void;

/** Counts an event under each of its names. */
function countEvent({ type, data }: RecordedEvent, count: Count): void {
  const name = counted[type];
  if (name !== undefined) count(name);
  const { attempt, found, countsFromZero } = data as { attempt?: number; found?: boolean; countsFromZero?: boolean };
  if (attempt !== undefined && attempt > 1 && type.endsWith('BrokerOrder')) count('step asked again');
  if (found) count('found by looking up');
  if (countsFromZero) count('replaced by a cancel and the rest');
}

/** Counts of what happened: how orders ended, and what happened before. */
export function mixOf({
  journal,
  clients,
  line,
}: {
  journal: Journal;
  clients: Clients;
  line: BrokerageLine;
}): Map<string, number> {
  const mix = new Map<string, number>();
  const count: Count = (name) => void mix.set(name, (mix.get(name) ?? 0) + 1);
  for (const id of clients.placed) count(`order ${(journal.aggregates.get(id) as Order).status}`);
  for (const history of journal.histories.values()) for (const event of history) countEvent(event, count);
  for (const [code, times] of clients.refusals) mix.set(`answer: ${code}`, times);
  mix.set('executions that the brokerage changed', line.amendments);
  mix.set('saves refused by a version', journal.conflicts);
  return new Map([...mix].sort(([a], [b]) => (a < b ? -1 : 1)));
}
