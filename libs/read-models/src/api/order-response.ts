import { catalogue, upcast, type RecordedEvent } from '@tradecore/events';
import { decimal, divide, zero } from '@tradecore/money';
import { fold } from '@tradecore/consumers';
import type { z } from 'zod';
import { Orders, type OrderRow } from '../orders.projector.ts';
import {
  denialResponse,
  orderRevision,
  orderResponse,
  requestedTerms,
  type OrderEventResponse,
  type OrderResponse,
} from './orders.ts';

/** The fields that are there, in the order of their schema, so that equal orders are equal texts. */
function inOrder<T extends object>(schema: z.ZodObject, value: T): T {
  const present = Object.keys(schema.shape).filter((field) => Reflect.get(value, field) !== undefined);
  return Object.fromEntries(present.map((field) => [field, Reflect.get(value, field)])) as T;
}

/** Price a share of all trades so far: divided here, once, from an exact sum. */
function averageOf({ filledQuantity, executedValue }: OrderRow): Pick<OrderResponse, 'averagePrice'> {
  if (filledQuantity === zero) return {};
  return { averagePrice: divide(decimal(executedValue), decimal(filledQuantity), 'halfEven') };
}

/** The row of an order on the wire. */
export function orderResponseOf(row: OrderRow): OrderResponse {
  const { orderId: id, executedValue: _, revisions, requested, denial, ...fields } = row;
  return inOrder<OrderResponse>(orderResponse, {
    id,
    ...fields,
    ...averageOf(row),
    revisions: revisions.map((revision) => inOrder(orderRevision, revision)),
    ...(requested && { requested: inOrder(requestedTerms, requested) }),
    ...(denial && { denial: inOrder(denialResponse, denial) }),
  });
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
