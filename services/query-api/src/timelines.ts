import { Inject, Injectable } from '@nestjs/common';
import type { TimelineEntry, TimelineResponse } from '@tradecore/api';
import { EventStore } from '@tradecore/event-sourcing';
import {
  brokerOrderIdFor,
  catalogue,
  placementIdFor,
  upcast,
  type OrderEvent,
  type OrderTerms,
  type RecordedEvent,
} from '@tradecore/events';
import { orderFrom } from '@tradecore/read-models';
import { isTerminal, OrderPlacement } from '@tradecore/trading';
import { DataSource } from 'typeorm';
import { statusWaits, textOf } from './timeline-text.ts';

/** Most events of one stream in an answer: thirty for an order that trades in a few parts. Later ones are left out. */
const streamLimit = 10_000;
/** Most revisions whose BrokerOrder is read: the last ones. */
const revisionsLimit = 100;
const pageSize = 1000;

/** The timeline of an order from what is stored: its own events, what the account booked for it, the saga's steps, and the brokerage's word. */
@Injectable()
export class Timelines {
  constructor(
    @Inject(EventStore) private readonly store: EventStore,
    @Inject(DataSource) private readonly db: DataSource,
  ) {}

  /** The timeline of the order whose stored events, all of them, these are. */
  async of(order: readonly RecordedEvent[]): Promise<TimelineResponse> {
    const [placed] = order;
    if (!placed) throw new Error('an order without events has no timeline');
    const terms = placed.data as OrderTerms;
    const [account, saga, brokerage] = await Promise.all([
      this.#bookings(terms.accountId, placed.aggregateId, accountVersionsIn(order)),
      this.#stream(placementIdFor(placed.aggregateId)),
      this.#brokerage(placed.aggregateId, lastRevisionIn(order)),
    ]);
    const entries = [
      ...entriesOf('order', order, terms),
      ...entriesOf('account', account, terms),
      ...entriesOf('saga', saga, terms),
      ...entriesOf('brokerage', brokerage, terms),
    ];
    return { entries: entries.sort(byTime), waitingFor: waitingFor(order, saga) };
  }

  async #stream(aggregateId: string): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for (;;) {
      const page = await this.store.readEvents(aggregateId, { from: events.length + 1, limit: pageSize });
      events.push(...page);
      if (page.length < pageSize || events.length >= streamLimit) return events;
    }
  }

  async #brokerage(orderId: string, last: number): Promise<readonly RecordedEvent[]> {
    const first = Math.max(1, last - revisionsLimit + 1);
    const events: RecordedEvent[] = [];
    for (let revision = first; revision <= last; revision += 1) {
      events.push(...(await this.#stream(brokerOrderIdFor(orderId, revision))));
    }
    return events;
  }

  /** What the account booked in the saves of the order's events. */
  async #bookings(accountId: string, orderId: string, versions: readonly number[]): Promise<readonly RecordedEvent[]> {
    return this.db.query<RecordedEvent[]>(
      `select event_id as id, aggregate_id as "aggregateId", aggregate_type as "aggregateType", aggregate_version as "aggregateVersion",
              event_type as type, schema_version as "schemaVersion", event_data as data,
              to_char(timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time
         from event_store
        where aggregate_id = $1 and aggregate_version = any($2::int[]) and event_data ->> 'orderId' = $3
        order by aggregate_version`,
      [accountId, versions, orderId],
    );
  }
}

/** Versions of the account that the order's saves made; a correction books twice, and names the second. */
const accountVersionsIn = (order: readonly RecordedEvent[]): number[] =>
  order.flatMap(({ type, data }) => {
    const { accountVersion: last } = data as { readonly accountVersion?: number };
    if (last === undefined) return [];
    return type === ('OrderExecutionCorrected' satisfies OrderEvent['type']) ? [last - 1, last] : [last];
  });

const lastRevisionIn = (order: readonly RecordedEvent[]): number =>
  Math.max(1, ...order.map(({ data }) => (data as { readonly revision?: number }).revision ?? 1));

function waitingFor(order: readonly RecordedEvent[], saga: readonly RecordedEvent[]): string[] {
  const status = orderFrom(order)?.status;
  if (status === undefined || isTerminal(status)) return [];
  const { stuck } = new OrderPlacement('of the timeline').replay(saga.map((event) => upcast(catalogue, event)) as never);
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

/** By time; what was stored in the same microsecond stays in the order of `of`, and of its stream. */
const byTime = (one: TimelineEntry, other: TimelineEntry): number => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0);
