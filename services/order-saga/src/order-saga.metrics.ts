import type { Event, OrderExecuted } from '@tradecore/events';
import { counter } from '@tradecore/telemetry';

const overfilled = counter({
  name: 'tradecore_orders_overfilled_total',
  help: 'Executions that took an order beyond its total quantity.',
});
const busted = counter({
  name: 'tradecore_executions_busted_total',
  help: 'Executions that the brokerage took back; their bookings are reversed.',
});
const corrected = counter({
  name: 'tradecore_executions_corrected_total',
  help: 'Executions that the brokerage corrected; their bookings follow.',
});

/** Counts the stored events that an operator needs to know about. */
export function countStored(events: readonly Pick<Event, 'type' | 'data'>[]): void {
  for (const { type, data } of events) {
    if (type === 'OrderExecuted' && (data as OrderExecuted['data']).excessQuantity !== undefined) overfilled.inc();
    if (type === 'OrderExecutionBusted') busted.inc();
    if (type === 'OrderExecutionCorrected') corrected.inc();
  }
}
