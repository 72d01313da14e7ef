import { catalogue, feedChanges, orderOf, topics, type RecordedEvent } from '@tradecore/events';
import { On, Projector, type Appending } from '@tradecore/consumers';

/** A row of `feed_projector.feeds`: the end of an account's feed. */
export interface FeedRow {
  readonly accountId: string;
  /** Number of the last entry, as PostgreSQL's bigint: a string. */
  readonly sequence: string;
}

/** An immutable line of `feed_projector.feed_entries`. */
export interface FeedLine {
  readonly accountId: string;
  readonly sequence: string;
  /** The stored event behind it. */
  readonly eventId: string;
  readonly orderId?: string;
  /** Order version after the change; only for the order's own events. */
  readonly orderVersion?: number;
  readonly change: (typeof feedChanges)[keyof typeof feedChanges];
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const shown = Object.values(catalogue).flatMap(({ events }) => events.filter(({ type }) => Object.hasOwn(feedChanges, type)));

/**
 * Projects each account's changes, numbered without gaps: executions from the events of broker orders, the status of
 * orders from theirs, money from the account's. Its key is the account, which many aggregates feed at once; between
 * them the order is that of arrival.
 */
@Projector({
  name: 'feed-projector',
  topics: [topics.orderEvents.name, topics.accountEvents.name, topics.brokerEvents.name],
  version: 1,
  table: 'feeds',
  appends: 'feed_entries',
  shared: true,
})
export class Feed {
  /** The account of the event: its own stream, or the account in its metadata. */
  key(event: RecordedEvent): string {
    const account = event.aggregateType === 'Account' ? event.aggregateId : event.metadata.account;
    if (!account) throw new Error(`event ${event.id} (${event.type}) names no account`);
    return account;
  }

  @On(...shown)
  onChange(row: FeedRow | undefined, event: RecordedEvent): Appending<FeedRow> {
    const accountId = this.key(event);
    const sequence = String(BigInt(row?.sequence ?? 0) + 1n);
    const orderId = orderOf(event);
    const line: FeedLine = {
      accountId,
      sequence,
      eventId: event.id,
      ...(orderId !== undefined && { orderId }),
      ...(event.aggregateType === 'Order' && { orderVersion: event.aggregateVersion }),
      change: feedChanges[event.type as keyof typeof feedChanges],
      time: event.time,
      data: { ...event.data },
    };
    return { row: { accountId, sequence }, append: [line] };
  }
}
