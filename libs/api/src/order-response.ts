import { catalogue, upcast, type RecordedEvent } from '@tradecore/events';
import { decimal, divide, zero } from '@tradecore/money';
import type { z } from 'zod';
import {
  denialResponse,
  orderRevision,
  orderResponse,
  requestedTerms,
  type OrderEventResponse,
  type OrderResponse,
} from './orders.ts';

/** An order as its fold has it: the body, but for what is worked out here. */
export interface OrderFigures extends Omit<OrderResponse, 'id' | 'averagePrice' | 'revisions'> {
  readonly orderId: string;
  /** Sum of quantity times price of all executions. */
  readonly executedValue: string;
  readonly revisions: readonly OrderResponse['revisions'][number][];
  /** Version of the account that shows the money of the order; it is in the token, not in the body. */
  readonly accountVersion?: number;
}

/** The fields that are there, in the order of their schema, so that equal orders are equal texts. */
function inOrder<T extends object>(schema: z.ZodObject, value: T): T {
  const present = Object.keys(schema.shape).filter((field) => Reflect.get(value, field) !== undefined);
  return Object.fromEntries(present.map((field) => [field, Reflect.get(value, field)])) as T;
}

/** Price a share of all trades so far: divided here, once, from an exact sum. */
function averageOf({ filledQuantity, executedValue }: OrderFigures): Pick<OrderResponse, 'averagePrice'> {
  if (filledQuantity === zero) return {};
  return { averagePrice: divide(decimal(executedValue), decimal(filledQuantity), 'halfEven') };
}

/** The row of an order on the wire. */
export function orderResponseOf(row: OrderFigures): OrderResponse {
  const { orderId: id, executedValue: _e, accountVersion: _v, revisions, requested, denial, ...fields } = row;
  return inOrder<OrderResponse>(orderResponse, {
    id,
    ...fields,
    ...averageOf(row),
    revisions: revisions.map((revision) => inOrder(orderRevision, revision)),
    ...(requested && { requested: inOrder(requestedTerms, requested) }),
    ...(denial && { denial: inOrder(denialResponse, denial) }),
  });
}

/** A stored event on the wire: the facts as they were stored, under their newest shape. */
export function orderEventResponseOf(stored: RecordedEvent): OrderEventResponse {
  const { id, type, aggregateVersion: version, time, data } = upcast(catalogue, stored);
  return { id, type, version, time, data: { ...data } };
}

/** The ETag of an order or an account: its version. */
export const etagOf = ({ version }: { readonly version: number }): string => `"${version}"`;
