import type { RecordedEvent } from '@tradecore/events';
import type { Order } from '@tradecore/trading';
import type { BrokerageLine } from './brokerage-line.ts';
import type { Clients } from './clients.ts';
import type { Journal } from './journal.ts';

/** What is counted by the type of the event alone. */
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

/** What an event is counted as. */
function namesOf({ type, data }: RecordedEvent): string[] {
  const { attempt = 1, found = false, countsFromZero = false } = data as { attempt?: number; found?: boolean; countsFromZero?: boolean };
  const isStep = type === 'SubmitBrokerOrder' || type === 'ReplaceBrokerOrder' || type === 'CancelBrokerOrder';
  return [
    ...(counted[type] === undefined ? [] : [counted[type]]),
    ...(isStep && attempt > 1 ? ['step asked again'] : []),
    ...(found ? ['found by looking up'] : []),
    ...(countsFromZero ? ['replaced by a cancel and the rest'] : []),
  ];
}

/** How often what happened: where orders ended, and what happened on the way. */
export function mixOf({ journal, clients, line }: { journal: Journal; clients: Clients; line: BrokerageLine }): Map<string, number> {
  const mix = new Map<string, number>();
  const count = (name: string): void => void mix.set(name, (mix.get(name) ?? 0) + 1);
  for (const id of clients.placed) count(`order ${(journal.aggregates.get(id) as Order).status}`);
  for (const history of journal.histories.values()) for (const event of history) namesOf(event).forEach(count);
  for (const [code, times] of clients.refusals) mix.set(`answer: ${code}`, times);
  mix.set('executions that the brokerage changed', line.amendments);
  mix.set('saves refused by a version', journal.conflicts);
  return new Map([...mix].sort(([a], [b]) => (a < b ? -1 : 1)));
}
