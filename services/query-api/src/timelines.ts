import { Inject, Injectable } from '@nestjs/common';
import { encodeTimeCursor, type TimelineEntry, type TimelineResponse } from '@tradecore/api';
import { EventStore } from '@tradecore/event-sourcing';
import {
  brokerOrderIdFor,
  catalogue,
  placementIdFor,
  upcast,
  type OrderEvent,
  type OrderPlaced,
  type OrderTerms,
  type RecordedEvent,
} from '@tradecore/events';
import { tokens } from '@tradecore/service';
import { isTerminal, Order, OrderPlacement } from '@tradecore/trading';
import { DataSource } from 'typeorm';
import type { QueryConfig } from './settings.ts';
import { statusWaits, textOf } from './timeline-text.ts';

/** The most revisions whose BrokerOrder is read: the last ones. */
const revisionsLimit = 100;

/** The columns of `event_store e` as a recorded event. */
const recorded = `e.event_id as id, e.aggregate_id as "aggregateId", e.aggregate_type as "aggregateType",
  e.aggregate_version as "aggregateVersion", e.event_type as type, e.schema_version as "schemaVersion", e.event_data as data,
  to_char(e."timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time`;

/** Sources of a timeline by aggregate type, in the order of entries with the same time. */
const sources = { Order: 'order', Account: 'account', OrderPlacement: 'saga', BrokerOrder: 'brokerage' } as const;

/**
 * The timeline of an order from stored events: its own, its account's bookings, its saga's steps, and the brokerage's
 * answers.
 */
@Injectable()
export class Timelines {
  constructor(
    @Inject(EventStore) private readonly store: EventStore,
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(tokens.config) private readonly limits: Pick<QueryConfig, 'LIMIT_PAGE'>,
  ) {}

  /** The newest page, or the newest before that time. */
  async of({ aggregateId: orderId, data: terms }: RecordedEvent<OrderPlaced>, before?: string): Promise<TimelineResponse> {
    const placementId = placementIdFor(orderId);
    const [order, placement] = await Promise.all([
      this.store.loadAggregate(Order, orderId),
      this.store.loadAggregate(OrderPlacement, placementId),
    ]);
    const last = order.state?.lastRevision ?? 1;
    const revisions = Array.from({ length: Math.min(last, revisionsLimit) }, (_, index) => last - index);
    const ids = [orderId, placementId, ...revisions.map((revision) => brokerOrderIdFor(orderId, revision))];
    const { events, earlier } = await this.#newest(ids, before);
    const versions = accountVersionsIn(events.filter(({ aggregateId }) => aggregateId === orderId));
    const all = [...events, ...(await this.#bookings(terms.accountId, orderId, versions))];
    const shown = await this.store.withTexts(all);
    const entries = Object.entries(sources).flatMap(([type, source]) =>
      entriesOf(
        source,
        shown.filter(({ aggregateType }) => aggregateType === type),
        terms,
      ),
    );
    return {
      entries: entries.sort(byTime),
      ...(earlier !== undefined && { nextCursor: encodeTimeCursor(earlier) }),
      waitingFor: waitingFor(order, placement),
    };
  }

  /**
   * A page of the events of these aggregates, oldest first, and its first time if there is an earlier page. Events of
   * one time stay together.
   */
  async #newest(ids: readonly string[], before?: string): Promise<{ events: RecordedEvent[]; earlier?: string }> {
    const limit = this.limits.LIMIT_PAGE;
    const newest = await this.db.query<RecordedEvent[]>(
      `select ${recorded} from unnest($1::uuid[]) asked (id) cross join lateral (
         select s.* from event_store s where s.aggregate_id = asked.id and ($2::timestamptz is null or s."timestamp" < $2)
          order by s.aggregate_version desc limit $3) e
        order by e."timestamp" desc, e.position desc limit $3`,
      [ids, before ?? null, limit + 1],
    );
    if (newest.length <= limit) return { events: newest.reverse() };
    const cut = newest.at(-1)?.time;
    const events = newest.filter(({ time }) => time !== cut).reverse();
    return { events, ...(events[0] && { earlier: events[0].time }) };
  }

  /** The account's bookings in the saves of the order's events. */
  #bookings(accountId: string, orderId: string, versions: readonly number[]): Promise<RecordedEvent[]> {
    return this.db.query<RecordedEvent[]>(
      `select ${recorded} from event_store e
        where e.aggregate_id = $1 and e.aggregate_version = any($2::int[]) and e.event_data ->> 'orderId' = $3
        order by e.aggregate_version`,
      [accountId, versions, orderId],
    );
  }
}

/** Account versions from the order's saves; a correction books twice and names the second. */
const accountVersionsIn = (order: readonly RecordedEvent[]): number[] =>
  order.flatMap(({ type, data }) => {
    const { accountVersion: last } = data as { readonly accountVersion?: number };
    if (last === undefined) return [];
    return type === ('OrderExecutionCorrected' satisfies OrderEvent['type']) ? [last - 1, last] : [last];
  });

function waitingFor({ status }: Order, { stuck }: OrderPlacement): string[] {
  if (status === undefined || isTerminal(status)) return [];
  return [statusWaits[status], ...stuck.map((what) => `an operator to look at ${what.waitingFor}`)].filter((each) => each !== '');
}

function entriesOf(source: TimelineEntry['source'], events: readonly RecordedEvent[], terms: OrderTerms): TimelineEntry[] {
  return events.flatMap((stored) => {
    const event = upcast(catalogue, stored);
    const text = textOf(source, event, terms);
    const { time, type, aggregateVersion: version } = event;
    return text === undefined ? [] : [{ time, text, event: type, source, version }];
  });
}

/** By time; entries of the same microsecond keep the order of `sources`, then of their aggregate. */
const byTime = (one: TimelineEntry, other: TimelineEntry): number => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0);
