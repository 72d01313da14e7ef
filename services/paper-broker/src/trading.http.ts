import { randomUUID } from 'node:crypto';
import { orderJson } from './alpaca-json.ts';
import type { Exchange, OrderRequest, ReplaceRequest } from './exchange/index.ts';
import { byClientOrderId, oneOrder, orderQuery, patchOrder, postOrder } from './requests.ts';
import { each, serve, type Asking, type Counter } from './routes.ts';
import type { z } from 'zod';

/** The fields without absent ones. */
const given = <T extends Record<string, unknown>>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;

function orderRequest(body: z.output<typeof postOrder>): OrderRequest {
  const { symbol, side, type, qty, time_in_force: timeInForce } = body;
  return {
    ...{ symbol, side, type, qty, timeInForce, clientOrderId: body.client_order_id ?? randomUUID() },
    ...given({ limitPrice: body.limit_price, stopPrice: body.stop_price }),
  };
}

function replaceRequest(body: z.output<typeof patchOrder>): ReplaceRequest {
  const { qty, time_in_force: timeInForce, limit_price: limitPrice, stop_price: stopPrice } = body;
  return { clientOrderId: body.client_order_id ?? randomUUID(), ...given({ qty, timeInForce, limitPrice, stopPrice }) };
}

/** An order's symbol, for faults by symbol; undefined if there is no such order. */
const symbolOf = (exchange: Exchange, account: string, id: string): string | undefined => {
  try {
    return exchange.order(account, id).symbol;
  } catch {
    return undefined;
  }
};

/** `/v2/orders`, as documented by Alpaca in 2025. */
export function orderRoutes(counter: Counter): void {
  const { exchange } = counter;
  const ofOrder = ({ account, path }: Asking<unknown>) => symbolOf(exchange, account, path.id);
  serve(counter, 'POST /v2/orders', {
    on: 'submit',
    reads: postOrder,
    symbol: ({ given: { symbol } }) => symbol,
    act: ({ account, given: asked }, now) => orderJson(exchange.submit(account, orderRequest(asked), now)),
  });
  serve(counter, 'GET /v2/orders', {
    on: 'read',
    reads: orderQuery,
    act: ({ account, given: { direction, after, until, symbols, side, status, limit } }) => {
      const query = { status, limit, ascending: direction === 'asc', after, until, symbols, side };
      return exchange.orders(account, query).map(orderJson);
    },
  });
  // A colon begins a parameter in Fastify's paths; two colons are a literal one.
  serve(counter, 'GET /v2/orders::by_client_order_id', {
    on: 'read',
    reads: byClientOrderId,
    act: ({ account, given: { client_order_id: named } }) => orderJson(exchange.orderByClientId(account, named)),
  });
  serve(counter, 'GET /v2/orders/:id', {
    on: 'read',
    reads: oneOrder,
    act: ({ account, path }) => orderJson(exchange.order(account, path.id)),
  });
  serve(counter, 'PATCH /v2/orders/:id', {
    on: 'replace',
    reads: patchOrder,
    symbol: ofOrder,
    act: ({ account, path, given: changes }, now) => orderJson(exchange.replace(account, path.id, replaceRequest(changes), now)),
  });
  serve(counter, 'DELETE /v2/orders/:id', {
    on: 'cancel',
    symbol: ofOrder,
    status: 204,
    act: ({ account, path }, now) => {
      exchange.cancel(account, path.id, now);
      return {};
    },
  });
  // Each order with the status of its own cancel.
  serve(counter, 'DELETE /v2/orders', {
    on: 'cancel',
    status: 207,
    act: ({ account }, now) =>
      exchange.orders(account, { status: 'open', limit: Infinity, ascending: true }).map(({ id }) => ({
        id,
        ...each(() => {
          exchange.cancel(account, id, now);
          return orderJson(exchange.order(account, id));
        }),
      })),
  });
}
