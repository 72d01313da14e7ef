import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import type { OrderPlaced, OrderTerms, RecordedEvent } from '@tradecore/events';
import { orderFrom, type OrderRow, type OrderShown } from '@tradecore/read-models';
import { RequestRefused, type Caller } from '@tradecore/service';
import { Access } from './access.ts';
import type { AsOf } from '@tradecore/api';

/** The most events that an as-of state is folded from: 20,000 take half a second. */
const foldLimit = 20_000;
const pageSize = 1000;

/** The account of an aggregate, from its first event; undefined for types that clients don't write. */
export function accountOf({ aggregateType, aggregateId, data }: RecordedEvent): string | undefined {
  if (aggregateType === 'Account') return aggregateId;
  return aggregateType === 'Order' ? (data as OrderTerms).accountId : undefined;
}

const isAfter = (event: RecordedEvent, asOf: AsOf): boolean =>
  'version' in asOf ? event.aggregateVersion > asOf.version : event.time > asOf.time;

/** An order's stored events, from which its row is folded; always up to date. */
@Injectable()
export class OrderHistory {
  constructor(
    @Inject(EventStore) private readonly store: EventStore,
    @Inject(Access) private readonly access: Access,
  ) {}

  /**
   * The order's first event; undefined if the order does not exist or is not visible to the caller. Counts as a read of
   * its account.
   */
  async placed(orderId: string, caller: Caller): Promise<RecordedEvent<OrderPlaced> | undefined> {
    const placed = await this.visible(orderId, caller);
    if (placed) await this.access.count(placed.data.accountId);
    return placed;
  }

  /** As `placed`, for a request that is counted elsewhere. */
  async visible(orderId: string, caller: Caller): Promise<RecordedEvent<OrderPlaced> | undefined> {
    const [first] = (await this.store.readEvents(orderId, { to: 1 })) as RecordedEvent<OrderPlaced>[];
    const isVisible = first?.aggregateType === 'Order' && (await this.access.may(caller, first.data.accountId));
    return isVisible ? first : undefined;
  }

  /** A page of the events after that version; if there are more, `next` is the version of its last one. */
  async page(orderId: string, after: number, asked: number) {
    const limit = this.access.pageOf(asked);
    const found = await this.store.readEvents(orderId, { from: after + 1, limit: limit + 1 });
    const events = await this.store.withTexts(found.slice(0, limit));
    const last = events.at(-1);
    return { events, ...(last && found.length > limit && { next: last.aggregateVersion }) };
  }

  /** The order as of then; undefined before it was placed. Refuses a history that would take too long with 422. */
  async asOf(orderId: string, asOf: AsOf): Promise<OrderShown | undefined> {
    let row: OrderRow | undefined;
    for (let read = 0; read <= foldLimit; read += pageSize) {
      const page = await this.store.readEvents(orderId, { from: read + 1, limit: pageSize });
      const wanted = page.filter((event) => !isAfter(event, asOf));
      row = orderFrom(wanted, row);
      if (wanted.length < pageSize) return this.store.withTexts(row);
    }
    throw new RequestRefused(422, 'history-too-long', `The order has more than ${foldLimit} events up to then.`);
  }
}

/** The answer for a foreign order and for one that does not exist. */
export const orderNotFound = (when = ''): RequestRefused =>
  new RequestRefused(404, 'order-not-found', `Not found, or not visible to you${when && `, ${when}`}.`, {
    errors: [{ pointer: '#/id', in: 'path', code: 'not-found', detail: 'names no order that is visible to you' }],
  });
