import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import type { OrderTerms, RecordedEvent } from '@tradecore/events';
import { RequestRefused, type Caller } from '@tradecore/service';
import { Access } from './access.ts';
import type { AsOf } from '@tradecore/api';

/** Most events in one answer; an order has a handful. More is a bug, and is not answered in part. */
const historyLimit = 10_000;
const pageSize = 1000;

/** The account that an aggregate belongs to, from its first event; undefined for types that clients don't write. */
export function accountOf({ aggregateType, aggregateId, data }: RecordedEvent): string | undefined {
  if (aggregateType === 'Account') return aggregateId;
  return aggregateType === 'Order' ? (data as OrderTerms).accountId : undefined;
}

const isAfter = (event: RecordedEvent, asOf: AsOf): boolean =>
  'version' in asOf ? event.aggregateVersion > asOf.version : event.time > asOf.time;

/** An order's stored events: what its row is folded from, always up to date. */
@Injectable()
export class OrderHistory {
  constructor(
    @Inject(EventStore) private readonly store: EventStore,
    @Inject(Access) private readonly access: Access,
  ) {}

  /** Its events, all or up to a point, oldest first; none for an order that does not exist or is not visible to the caller. */
  async read(orderId: string, caller: Caller, asOf?: AsOf): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for (;;) {
      const page = await this.store.readEvents(orderId, { from: events.length + 1, limit: pageSize });
      if (events.length === 0 && !(await this.#mayRead(page[0], caller))) return [];
      const wanted = asOf === undefined ? page : page.filter((event) => !isAfter(event, asOf));
      events.push(...wanted);
      if (wanted.length < pageSize) return events;
      if (events.length >= historyLimit) throw new Error(`order ${orderId} has ${historyLimit} events or more`);
    }
  }

  async #mayRead(first: RecordedEvent | undefined, caller: Caller): Promise<boolean> {
    return first?.aggregateType === 'Order' && (await this.access.may(caller, (first.data as OrderTerms).accountId));
  }
}

/** The answer for a foreign order and for one that does not exist. */
export const orderNotFound = (when = ''): RequestRefused =>
  new RequestRefused(404, 'order-not-found', `Not found, or not visible to you${when && `, ${when}`}.`, {
    errors: [{ pointer: '#/id', in: 'path', code: 'not-found', detail: 'names no order that is visible to you' }],
  });
