import { OrderCancelRequested, OrderPlaced, topics, type Event, type RecordedEvent } from '@tradecore/events';
import { On, Projector, type Appending } from '@tradecore/subscriptions';
import type { FeedEntryResponse } from './api/feed.ts';

/** A row of `feed_projector.feeds`: how far the feed of an account is. */
export interface FeedRow {
  readonly accountId: string;
  /** Number of the last entry, as PostgreSQL's bigint: a string. */
  readonly sequence: string;
}

/** A line of `feed_projector.feed_entries`, never changed. */
export type FeedLine = Omit<FeedEntryResponse, 'epoch' | 'sequence'> & { readonly sequence: string };

/** Tells each account its changes, numbered without gaps. Its key is the account, which several orders feed at once. */
@Projector({
  name: 'feed-projector',
  topics: [topics.orderEvents.name],
  table: 'feeds',
  appends: 'feed_entries',
  shared: true,
})
export class Feed {
  /** The account that the event concerns, as the store wrote it down beside the facts. */
  key(event: RecordedEvent): string {
    const { account } = event.metadata;
    if (!account) throw new Error(`event ${event.id} (${event.type}) names no account`);
    return account;
  }

  @On(OrderPlaced)
  onOrderPlaced(row: FeedRow | undefined, event: RecordedEvent<OrderPlaced>): Appending<FeedRow> {
    return next(row, this.key(event), 'orderPlaced', event);
  }

  @On(OrderCancelRequested)
  onOrderCancelRequested(row: FeedRow | undefined, event: RecordedEvent<OrderCancelRequested>): Appending<FeedRow> {
    return next(row, this.key(event), 'orderCancelRequested', event);
  }
}

function next(
  row: FeedRow | undefined,
  accountId: string,
  change: FeedEntryResponse['change'],
  event: RecordedEvent<Event>,
): Appending<FeedRow> {
  const sequence = String(BigInt(row?.sequence ?? 0) + 1n);
  const { id: eventId, aggregateId: orderId, aggregateVersion: orderVersion, time } = event;
  const line: FeedLine = { accountId, sequence, eventId, orderId, orderVersion, change, time, data: { ...event.data } };
  return { row: { accountId, sequence }, append: [line] };
}
