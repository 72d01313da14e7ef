import { catalogue, upcast, type RecordedEvent } from '@tradecore/events';
import { fold } from '@tradecore/subscriptions';
import { Orders, type OrderRow } from '../orders.projector.ts';
import type { OrderEventResponse, OrderResponse } from './orders.ts';

/** The row of an order on the wire. */
export function orderResponseOf({ orderId, ...row }: OrderRow): OrderResponse {
  return { id: orderId, ...row };
}

/** The order that these stored events of one aggregate make, from the first on; undefined for none. */
export function orderFrom(history: readonly RecordedEvent[]): OrderRow | undefined {
  return fold(
    Orders,
    history.map((event) => upcast(catalogue, event)),
  );
}

/** A stored event on the wire: the facts as they were stored, under their newest shape. */
export function orderEventResponseOf(stored: RecordedEvent): OrderEventResponse {
  const { id, type, aggregateVersion: version, time, data } = upcast(catalogue, stored);
  return { id, type, version, time, data: { ...data } };
}

/** The ETag of an order: its version. */
export const etagOf = ({ version }: { readonly version: number }): string => `"${version}"`;
