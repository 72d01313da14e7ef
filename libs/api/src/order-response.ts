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

/** An order as its fold stores it: the body without what is computed here. */
export interface OrderFigures extends Omit<OrderResponse, 'id' | 'averagePrice' | 'revisions'> {
  readonly orderId: string;
  /** Sum of quantity times price of all executions. */
  readonly executedValue: string;
  readonly revisions: readonly OrderResponse['revisions'][number][];
  /** Version of the account that includes the order's money; in the token, not in the body. */
  readonly accountVersion?: number;
}

/** The present fields in the order of their schema, so that equal orders are equal text. */
function inOrder<T extends object>(schema: z.ZodObject, value: T): T {
  const present = Object.keys(schema.shape).filter((field) => Reflect.get(value, field) !== undefined);
  return Object.fromEntries(present.map((field) => [field, Reflect.get(value, field)])) as T;
}

/** Average price of all trades: an exact sum, divided only here. */
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

/** A stored event on the wire, upcast to its newest shape. */
export function orderEventResponseOf(stored: RecordedEvent): OrderEventResponse {
  const { id, type, aggregateVersion: version, time, data } = upcast(catalogue, stored);
  return { id, type, version, time, data: { ...data } };
}

/** The ETag of an order or an account: its version, and the epoch of the store in which that names one state. */
export const etagOf = ({ version, epoch }: { readonly version: number; readonly epoch: string }): string =>
  `"${version}-${epoch}"`;
