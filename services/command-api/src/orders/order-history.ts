import type { EventStore } from '@tradecore/event-sourcing';
import type { RecordedEvent } from '@tradecore/events';

/** The most events per read. */
const pageSize = 1000;

/**
 * All stored events of an order from version `from` (default 1) up to version `to`; read in pages, because fills may be
 * many.
 */
export async function historyOf(
  store: EventStore,
  orderId: string,
  { from = 1, to }: { readonly from?: number; readonly to?: number } = {},
): Promise<RecordedEvent[]> {
  const history: RecordedEvent[] = [];
  for (;;) {
    const page = await store.readEvents(orderId, {
      from: from + history.length,
      limit: pageSize,
      ...(to !== undefined && { to }),
    });
    history.push(...page);
    if (page.length < pageSize) return history;
  }
}
