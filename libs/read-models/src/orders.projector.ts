import { topics, type OrderCancelRequested as Cancel, type OrderTerms, type RecordedEvent } from '@tradecore/events';
import { OrderCancelRequested, OrderPlaced } from '@tradecore/events';
import { On, Projector } from '@tradecore/subscriptions';
import type { orderStatuses } from './api/orders.ts';

/** A row of `order_projector.orders`: an order as it stands after its events. */
export interface OrderRow extends OrderTerms {
  readonly orderId: string;
  readonly status: (typeof orderStatuses)[number];
  readonly cancelReason?: string;
  /** Version of the last event that is in the row. */
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Shows each order. The same fold answers the write that placed it, and reads as of a time. */
@Projector({ name: 'order-projector', topics: [topics.orderEvents.name], table: 'orders' })
export class Orders {
  @On(OrderPlaced)
  onOrderPlaced(_: OrderRow | undefined, event: RecordedEvent<OrderPlaced>): OrderRow {
    const { aggregateId, aggregateVersion, data, time } = event;
    return { ...data, orderId: aggregateId, status: 'pending', version: aggregateVersion, createdAt: time, updatedAt: time };
  }

  @On(OrderCancelRequested)
  onOrderCancelRequested(row: OrderRow | undefined, event: RecordedEvent<Cancel>): OrderRow {
    const { aggregateId, aggregateVersion, data, time } = event;
    if (!row) throw new Error(`order ${aggregateId} was never placed`);
    const reason = data.reason === undefined ? {} : { cancelReason: data.reason };
    return { ...row, ...reason, status: 'pendingCancel', version: aggregateVersion, updatedAt: time };
  }
}
