import type { FastifyInstance } from 'fastify';
import { randomUUID } from 'node:crypto';
import { accountJson, activityJson, orderJson, positionJson } from './alpaca-json.ts';
import { accountOf, ownQuery, read } from './door.ts';
import { Refusal, type Exchange, type Instrument, type ExecutionQuery, type PositionView } from './exchange/index.ts';
import { notFound } from './exchange/refusal.ts';
import { activityQuery, closePosition, closePositions } from './requests.ts';
import type { Counter } from './trading.http.ts';
import type { z } from 'zod';

const instrumentOf = (exchange: Exchange, symbol: string): Instrument =>
  exchange.instruments.find((each) => each.symbol === symbol) as Instrument;

function positionOf(exchange: Exchange, account: string, symbol: string): PositionView {
  const position = exchange.positions(account).find((each) => each.symbol === symbol);
  if (!position) throw notFound('position does not exist');
  return position;
}

interface WithSymbol {
  readonly Params: { readonly symbol: string };
}

/** `/v2/account` and `/v2/positions`, as documented by Alpaca in 2025. */
export function accountRoutes(door: FastifyInstance, counter: Counter): void {
  const { exchange, faultInjection } = counter;
  const shown = (position: PositionView) => positionJson(position, instrumentOf(exchange, position.symbol));
  door.get('/v2/account', async (request, reply) => {
    const { id } = accountOf(request);
    const account = await faultInjection.attend(request, reply, { on: 'read', act: () => exchange.account(id) });
    return account && accountJson(account);
  });
  door.get('/v2/positions', async (request, reply) => {
    const { id } = accountOf(request);
    const positions = await faultInjection.attend(request, reply, { on: 'read', act: () => exchange.positions(id) });
    return positions?.map(shown);
  });
  door.get<WithSymbol>('/v2/positions/:symbol', async (request, reply) => {
    const { id } = accountOf(request);
    const { symbol } = request.params;
    const position = await faultInjection.attend(request, reply, { on: 'read', act: () => positionOf(exchange, id, symbol) });
    return position && shown(position);
  });
  closeRoutes(door, counter);
  activityRoutes(door, counter);
}

/** Cancels at once, so that the shares held by orders can be sold. */
function cancelAll(exchange: Exchange, account: string, now: number): void {
  const open = exchange.orders(account, { status: 'open', limit: Infinity });
  for (const { id, status } of open) if (!status.startsWith('pending_')) exchange.cancel(account, id, now);
  exchange.work(now);
}

/** Closing a position is a market order on the other side. */
function closeRoutes(door: FastifyInstance, { exchange, faultInjection }: Counter): void {
  const close = (account: string, { symbol, qty }: Pick<PositionView, 'symbol' | 'qty'>, now: number) => {
    const order = { symbol, qty, side: 'sell', type: 'market', timeInForce: 'day', clientOrderId: randomUUID() } as const;
    return orderJson(exchange.submit(account, order, now));
  };
  const closeOne = (account: string, position: PositionView, now: number) => {
    try {
      return { symbol: position.symbol, status: 200, body: close(account, position, now) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { symbol: position.symbol, status: error.status, body: { code: error.code, message: error.message } };
    }
  };
  door.delete<WithSymbol>('/v2/positions/:symbol', ownQuery, async (request, reply) => {
    const { id } = accountOf(request);
    const { qty } = read(closePosition, request.query);
    const { symbol } = request.params;
    return faultInjection.attend(request, reply, {
      on: 'submit',
      symbol,
      act: (_, now) => {
        const position = positionOf(exchange, id, symbol);
        return close(id, { symbol, qty: (qty ?? position.qty) as PositionView['qty'] }, now);
      },
    });
  });
  door.delete('/v2/positions', ownQuery, async (request, reply) => {
    const { id } = accountOf(request);
    const cancels = read(closePositions, request.query).cancel_orders;
    const results = await faultInjection.attend(request, reply, {
      on: 'submit',
      act: (_, now) => {
        if (cancels) cancelAll(exchange, id, now);
        return exchange.positions(id).map((position) => closeOne(id, position, now));
      },
    });
    return results && reply.code(207).send(results);
  });
}

const dayLength = 24 * 3_600_000;

/** The exchange query for a page of activities. The page token is the id of the last activity before the page. */
function executionQuery(query: z.output<typeof activityQuery>): ExecutionQuery {
  const { after, until, date, direction, page_size: limit, page_token: token } = query;
  const time = date === undefined ? { after, until } : { after: date - 1, until: date + dayLength };
  return { limit, ascending: direction === 'asc', ...time, past: token?.split('::').at(-1) };
}

function activityRoutes(door: FastifyInstance, { exchange, faultInjection }: Counter): void {
  const list = (path: string, typesOf: (query: z.output<typeof activityQuery>, type?: string) => boolean): void =>
    void door.get<{ Params: { type?: string } }>(path, ownQuery, async (request, reply) => {
      const { id } = accountOf(request);
      const query = read(activityQuery, request.query);
      const isAsked = typesOf(query, request.params.type);
      const found = await faultInjection.attend(request, reply, {
        on: 'read',
        act: () => (isAsked ? exchange.executions(id, executionQuery(query)) : []),
      });
      return found?.map(activityJson);
    });
  list('/v2/account/activities', ({ activity_types: types }) => types === undefined || types.includes('FILL'));
  list('/v2/account/activities/:type', (_, type) => type === 'FILL');
}
