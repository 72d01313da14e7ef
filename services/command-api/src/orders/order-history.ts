import type { EventStore } from '@tradecore/event-sourcing';
import type { RecordedEvent } from '@tradecore/events';

/** All stored events of an order from version `from` (default 1) up to version `to`: fills may be many. */
export async function historyOf(
  store: EventStore,
  orderId: string,
  range: { readonly from?: number; readonly to?: number } = {},
): Promise<RecordedEvent[]> {
  const history: RecordedEvent[] = [];
  for await (const event of store.readHistory(orderId, range)) history.push(event);
  return history;
}
