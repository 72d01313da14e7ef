import type { RecordedEvent } from '@tradecore/events';
import type { Order } from '@tradecore/trading';
import type { Clients } from './clients.ts';
import type { Journal } from './journal.ts';

/** What is counted by the type of the event alone. */
const counted: Readonly<Record<string, string>> = {
  OrderExecuted: 'executions',
  OrderReplaced: 'replaced',
  OrderReplaceRejected: 'replace refused',
  OrderCancelRejected: 'cancel refused',
  BrokerOutcomeUnknown: 'outcome unknown for a while',
  BrokerOutcomeUnresolved: 'outcome unknown for long',
  BrokerOrderLapsed: 'too late or too dear to send',
  PlacementStuck: 'saga stuck for a while',
  ReservationRefused: 'reservation refused',
  FillAlreadySettled: 'settled already',
};

/** What an event is counted as. */
function namesOf({ type, data }: RecordedEvent): string[] {
  const { attempt = 1, found = false } = data as { attempt?: number; found?: boolean };
  return [
    ...(counted[type] === undefined ? [] : [counted[type]]),
    ...(type.endsWith('Asked') && attempt > 1 ? ['step asked again'] : []),
    ...(found ? ['found by looking up'] : []),
  ];
}

/** How often what happened: where orders ended, and what happened on the way. */
export function mixOf(journal: Journal, clients: Clients): Map<string, number> {
  const mix = new Map<string, number>();
  const count = (name: string): void => void mix.set(name, (mix.get(name) ?? 0) + 1);
  for (const id of clients.placed) count(`order ${(journal.aggregates.get(id) as Order).status}`);
  for (const history of journal.histories.values()) for (const event of history) namesOf(event).forEach(count);
  for (const [code, times] of clients.refusals) mix.set(`refused at once: ${code}`, times);
  return new Map([...mix].sort(([a], [b]) => (a < b ? -1 : 1)));
}
