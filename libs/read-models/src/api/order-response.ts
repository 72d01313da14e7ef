import { catalogue, upcast, type RecordedEvent } from '@tradecore/events';
import { fold } from '@tradecore/subscriptions';
import { Orders, type OrderRow } from '../orders.projector.ts';
import { orderResponse, type OrderEventResponse, type OrderResponse } from './orders.ts';

const wireFields = Object.keys(orderResponse.shape) as (keyof OrderResponse)[];

/** The row of an order on the wire: its fields in the order of the schema, so that equal orders are equal texts. */
export function orderResponseOf({ orderId, ...row }: OrderRow): OrderResponse {
  const fields: OrderResponse = { id: orderId, ...row };
  const present = wireFields.filter((field) => fields[field] !== undefined).map((field) => [field, fields[field]]);
  return Object.fromEntries(present) as OrderResponse;
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
