import {
  AccountAccessGranted,
  AccountAccessRevoked,
  AccountOpened,
  ExecutionBusted,
  ExecutionCorrected,
  ExecutionReported,
  FillReversed,
  FillSettled,
  FundsDeposited,
  FundsWithdrawn,
  feedChanges,
  OrderAccepted,
  OrderCanceled,
  OrderCancelRejected,
  OrderCancelRequested,
  OrderApproved,
  OrderDenied,
  OrderDoneForDay,
  OrderExecuted,
  OrderExecutionBusted,
  OrderExecutionCorrected,
  OrderExpired,
  OrderOutcomeUnknown,
  OrderPlaced,
  OrderRejected,
  OrderReplaced,
  OrderReplaceRejected,
  OrderReplaceRequested,
  OrderResumed,
  OrderSuspended,
  ReservationChanged,
  ReservationMade,
  ReservationReleased,
  topics,
  type RecordedEvent,
} from '@tradecore/events';
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

  @On(OrderPlaced)
  @On(OrderApproved)
  @On(OrderDenied)
  @On(OrderAccepted)
  @On(OrderRejected)
  @On(OrderOutcomeUnknown)
  @On(OrderExecuted)
  @On(OrderExecutionBusted)
  @On(OrderExecutionCorrected)
  @On(OrderCancelRequested)
  @On(OrderCancelRejected)
  @On(OrderCanceled)
  @On(OrderReplaceRequested)
  @On(OrderReplaced)
  @On(OrderReplaceRejected)
  @On(OrderExpired)
  @On(OrderDoneForDay)
  @On(OrderSuspended)
  @On(OrderResumed)
  onOrder(row: FeedRow | undefined, event: RecordedEvent): Appending<FeedRow> {
    return this.next(row, event, { orderId: event.aggregateId, orderVersion: event.aggregateVersion });
  }

  @On(AccountOpened)
  @On(AccountAccessGranted)
  @On(AccountAccessRevoked)
  @On(FundsDeposited)
  @On(FundsWithdrawn)
  onAccount(row: FeedRow | undefined, event: RecordedEvent): Appending<FeedRow> {
    return this.next(row, event, {});
  }

  @On(ReservationMade)
  @On(ReservationChanged)
  @On(ReservationReleased)
  @On(FillSettled)
  @On(FillReversed)
  @On(ExecutionReported)
  @On(ExecutionBusted)
  @On(ExecutionCorrected)
  onWhatAnOrderMoves(row: FeedRow | undefined, event: RecordedEvent<OfOrder>): Appending<FeedRow> {
    return this.next(row, event, { orderId: event.data.orderId });
  }

  private next(
    row: FeedRow | undefined,
    event: RecordedEvent,
    order: Pick<FeedLine, 'orderId' | 'orderVersion'>,
  ): Appending<FeedRow> {
    const accountId = this.key(event);
    const sequence = String(BigInt(row?.sequence ?? 0) + 1n);
    const change = feedChanges[event.type as keyof typeof feedChanges];
    const line: FeedLine = {
      accountId,
      sequence,
      eventId: event.id,
      ...order,
      change,
      time: event.time,
      data: { ...event.data },
    };
    return { row: { accountId, sequence }, append: [line] };
  }
}

type OfOrder =
  | ReservationMade
  | ReservationChanged
  | ReservationReleased
  | FillSettled
  | FillReversed
  | ExecutionReported
  | ExecutionBusted
  | ExecutionCorrected;
