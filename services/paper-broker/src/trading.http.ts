import type { FastifyInstance } from 'fastify';
import { randomUUID } from 'node:crypto';
import { orderJson } from './alpaca-json.ts';
import { accountOf, ownQuery, read } from './door.ts';
import { Refusal, type Exchange, type OrderRequest, type ReplaceRequest, type ExchangeOrder } from './exchange/index.ts';
import type { FaultInjection } from './fault-injection.ts';
import { byClientOrderId, oneOrder, orderQuery, patchOrder, postOrder } from './requests.ts';
import type { z } from 'zod';

/** Dependencies of the routes. */
export interface Counter {
  readonly exchange: Exchange;
  readonly faultInjection: FaultInjection;
}

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

interface WithId {
  readonly Params: { readonly id: string };
}

/** `/v2/orders`, as documented by Alpaca in 2025. */
export function orderRoutes(door: FastifyInstance, counter: Counter): void {
  const { faultInjection } = counter;
  door.post('/v2/orders', async (request, reply) => {
    const { id } = accountOf(request);
    const order = orderRequest(read(postOrder, request.body));
    const { symbol } = order;
    const taken = await faultInjection.attend(request, reply, {
      on: 'submit',
      symbol,
      act: (exchange, now) => exchange.submit(id, order, now),
    });
    return taken && orderJson(taken);
  });
  door.get('/v2/orders', ownQuery, async (request, reply) => {
    const { id } = accountOf(request);
    const { direction, after, until, symbols, side, status, limit } = read(orderQuery, request.query);
    const query = { status, limit, ascending: direction === 'asc', after, until, symbols, side };
    const orders = await faultInjection.attend(request, reply, { on: 'read', act: (exchange) => exchange.orders(id, query) });
    return orders?.map(orderJson);
  });
  // A colon begins a parameter in Fastify's paths; two colons are a literal one.
  door.get('/v2/orders::by_client_order_id', ownQuery, async (request, reply) => {
    const { id } = accountOf(request);
    const { client_order_id: named } = read(byClientOrderId, request.query);
    const order = await faultInjection.attend(request, reply, {
      on: 'read',
      act: (exchange) => exchange.orderByClientId(id, named),
    });
    return order && orderJson(order);
  });
  singleOrderRoutes(door, counter);
  cancelAllRoute(door, counter);
}

function singleOrderRoutes(door: FastifyInstance, { exchange, faultInjection }: Counter): void {
  door.get<WithId>('/v2/orders/:id', ownQuery, async (request, reply) => {
    const { id } = accountOf(request);
    read(oneOrder, request.query);
    const order = await faultInjection.attend(request, reply, { on: 'read', act: () => exchange.order(id, request.params.id) });
    return order && orderJson(order);
  });
  door.patch<WithId>('/v2/orders/:id', async (request, reply) => {
    const { id } = accountOf(request);
    const changes = replaceRequest(read(patchOrder, request.body));
    const order = await faultInjection.attend(request, reply, {
      on: 'replace',
      symbol: symbolOf(exchange, id, request.params.id),
      act: (_, now) => exchange.replace(id, request.params.id, changes, now),
    });
    return order && orderJson(order);
  });
  door.delete<WithId>('/v2/orders/:id', async (request, reply) => {
    const { id } = accountOf(request);
    const done = await faultInjection.attend(request, reply, {
      on: 'cancel',
      symbol: symbolOf(exchange, id, request.params.id),
      act: (_, now) => {
        exchange.cancel(id, request.params.id, now);
        return true;
      },
    });
    return done && reply.code(204).send();
  });
}

/** Each order with the status of its own cancel. */
function cancelAllRoute(door: FastifyInstance, { exchange, faultInjection }: Counter): void {
  const cancelOne = (account: string, order: ExchangeOrder, now: number) => {
    try {
      exchange.cancel(account, order.id, now);
      return { id: order.id, status: 200, body: orderJson(exchange.order(account, order.id)) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { id: order.id, status: error.status, body: { code: error.code, message: error.message } };
    }
  };
  door.delete('/v2/orders', async (request, reply) => {
    const { id } = accountOf(request);
    const results = await faultInjection.attend(request, reply, {
      on: 'cancel',
      act: (_, now) =>
        exchange.orders(id, { status: 'open', limit: Infinity, ascending: true }).map((order) => cancelOne(id, order, now)),
    });
    return results && reply.code(207).send(results);
  });
}
