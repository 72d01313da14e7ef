import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import type { OrderTerms, RecordedEvent } from '@tradecore/events';
import type { AsOf } from './order-queries.ts';

/** Events that one answer holds, at most; an order has a handful. More is a bug, and is not answered with a part. */
const historyLimit = 10_000;
const pageSize = 1000;

/** The account of an order, from its first event. */
export const accountOf = (first: RecordedEvent): string => (first.data as OrderTerms).accountId;

const isAfter = (event: RecordedEvent, asOf: AsOf): boolean =>
  'version' in asOf ? event.aggregateVersion > asOf.version : event.time > asOf.time;

/** An order's stored events: what its row is folded from, always up to date. */
@Injectable()
export class OrderHistory {
  constructor(@Inject(EventStore) private readonly store: EventStore) {}

  /** Its events, all or up to a point, first one first; none for an order that is not there, or is of none of these accounts. */
  async read(orderId: string, accounts: readonly string[], asOf?: AsOf): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for (;;) {
      const page = await this.store.readEvents(orderId, { from: events.length + 1, limit: pageSize });
      const [first] = events.length === 0 ? page : events;
      if (!first || !this.#isOrderOf(first, accounts)) return [];
      const wanted = asOf === undefined ? page : page.filter((event) => !isAfter(event, asOf));
      events.push(...wanted);
      if (wanted.length < pageSize) return events;
      if (events.length >= historyLimit) throw new Error(`order ${orderId} has ${historyLimit} events or more`);
    }
  }

  #isOrderOf(first: RecordedEvent, accounts: readonly string[]): boolean {
    return first.aggregateType === 'Order' && accounts.includes(accountOf(first));
  }
}
