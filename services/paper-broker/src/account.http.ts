import { randomUUID } from 'node:crypto';
import { accountJson, activityJson, orderJson, positionJson } from './alpaca-json.ts';
import type { Exchange, ExecutionQuery, Instrument, PositionView } from './exchange/index.ts';
import { notFound } from './exchange/refusal.ts';
import { activityQuery, closePosition, closePositions } from './requests.ts';
import { each, serve, type Asking, type Counter } from './routes.ts';
import type { z } from 'zod';

const instrumentOf = (exchange: Exchange, symbol: string): Instrument =>
  exchange.instruments.find((each) => each.symbol === symbol) as Instrument;

function positionOf(exchange: Exchange, account: string, symbol: string): PositionView {
  const position = exchange.positions(account).find((each) => each.symbol === symbol);
  if (!position) throw notFound('position does not exist');
  return position;
}

/** `/v2/account` and `/v2/positions`, as documented by Alpaca in 2025. */
export function accountRoutes(counter: Counter): void {
  const { exchange } = counter;
  const shown = (position: PositionView) => positionJson(position, instrumentOf(exchange, position.symbol));
  serve(counter, 'GET /v2/account', { on: 'read', act: ({ account }) => accountJson(exchange.account(account)) });
  serve(counter, 'GET /v2/positions', { on: 'read', act: ({ account }) => exchange.positions(account).map(shown) });
  serve(counter, 'GET /v2/positions/:symbol', {
    on: 'read',
    act: ({ account, path }) => shown(positionOf(exchange, account, path.symbol)),
  });
  closeRoutes(counter);
  activityRoutes(counter);
}

/** Cancels at once, so that the shares held by orders can be sold. */
function cancelAll(exchange: Exchange, account: string, now: number): void {
  const open = exchange.orders(account, { status: 'open', limit: Infinity });
  for (const { id, status } of open) if (!status.startsWith('pending_')) exchange.cancel(account, id, now);
  exchange.work(now);
}

/** Closing a position is a market order on the other side. */
function closeRoutes(counter: Counter): void {
  const { exchange } = counter;
  const close = (account: string, { symbol, qty }: { symbol: string; qty: string }, now: number) => {
    const order = { symbol, qty, side: 'sell', type: 'market', timeInForce: 'day', clientOrderId: randomUUID() } as const;
    return orderJson(exchange.submit(account, order, now));
  };
  serve(counter, 'DELETE /v2/positions/:symbol', {
    on: 'submit',
    reads: closePosition,
    symbol: ({ path }) => path.symbol,
    act: ({ account, path: { symbol }, given: { qty } }, now) => {
      const position = positionOf(exchange, account, symbol);
      return close(account, { symbol, qty: qty ?? position.qty }, now);
    },
  });
  serve(counter, 'DELETE /v2/positions', {
    on: 'submit',
    reads: closePositions,
    status: 207,
    act: ({ account, given: { cancel_orders: cancels } }, now) => {
      if (cancels) cancelAll(exchange, account, now);
      return exchange
        .positions(account)
        .map((position) => ({ symbol: position.symbol, ...each(() => close(account, position, now)) }));
    },
  });
}

const dayLength = 24 * 3_600_000;

/** The exchange query for a page of activities. The page token is the id of the last activity before the page. */
function executionQuery(query: z.output<typeof activityQuery>): ExecutionQuery {
  const { after, until, date, direction, page_size: limit, page_token: token } = query;
  const time = date === undefined ? { after, until } : { after: date - 1, until: date + dayLength };
  return { limit, ascending: direction === 'asc', ...time, past: token?.split('::').at(-1) };
}

function activityRoutes(counter: Counter): void {
  const { exchange } = counter;
  const list = (path: string, isAsked: (asking: Asking<z.output<typeof activityQuery>>) => boolean): void =>
    serve(counter, `GET ${path}`, {
      on: 'read',
      reads: activityQuery,
      act: (asking) =>
        isAsked(asking) ? exchange.executions(asking.account, executionQuery(asking.given)).map(activityJson) : [],
    });
  list('/v2/account/activities', ({ given: { activity_types: types } }) => types === undefined || types.includes('FILL'));
  list('/v2/account/activities/:type', ({ path }) => path.type === 'FILL');
}
