import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import {
  accountJson,
  activityJson,
  assetJson,
  calendarJson,
  orderJson,
  positionJson,
  tradeJson,
  updateJson,
} from './alpaca-json.ts';
import { Exchange, newYork, Refusal, type Instrument, type OrderRequest } from './exchange/index.ts';

const start = Date.parse('2025-07-01T14:00:00.123Z');
const account = '11111111-1111-4111-8111-111111111111';

/** The same morning on each run: the golden replies are what a client would receive. */
function morning(): Record<string, unknown> {
  const exchange = new Exchange({ seed: 3, walks: false, partialFills: 0.95 });
  exchange.open(account, '100000', start);
  exchange.tick(start);
  const terms = { symbol: 'ACME', side: 'buy', type: 'limit', timeInForce: 'day', qty: '40', limitPrice: '100.50' } as const;
  const { id } = exchange.submit(account, { ...terms, clientOrderId: 'first' }, start);
  const placed = orderJson(exchange.order(account, id));
  exchange.work(start + 7);
  const replacement = exchange.replace(account, id, { clientOrderId: 'second', qty: '60', limitPrice: '99.00' }, start + 9);
  exchange.work(start + 11);
  exchange.cancel(account, replacement.id, start + 20);
  exchange.work(start + 21);
  const updates = exchange.takeUpdates();
  const acme = exchange.instruments.find(({ symbol }) => symbol === 'ACME') as Instrument;
  const [position] = exchange.positions(account);
  const [execution] = exchange.executions(account);
  const [day] = newYork.days('2025-07-03', '2025-07-03');
  return {
    order: placed,
    'order-replaced': orderJson(exchange.order(account, id)),
    'order-canceled': orderJson(exchange.order(account, replacement.id)),
    account: accountJson(exchange.account(account)),
    asset: assetJson(acme, exchange.quote('ACME')),
    position: position && positionJson(position, acme),
    activity: execution && activityJson(execution),
    trade: tradeJson(exchange.quote('ACME')),
    'calendar-day': day && calendarJson(day, 'America/New_York', '2025-07-07'),
    updates: updates.map(updateJson),
    refusals: [
      refusalOf(exchange, { ...terms, clientOrderId: 'first' }),
      refusalOf(exchange, { ...terms, clientOrderId: 'dear', qty: '5000' }),
      refusalOf(exchange, { ...terms, clientOrderId: 'short', side: 'sell' }),
      refusalOf(exchange, { ...terms, clientOrderId: 'fine', limitPrice: '100.505' }),
    ],
  };
}

/** The exchange's refusal of an order. */
function refusalOf(exchange: Exchange, request: OrderRequest): object | undefined {
  try {
    exchange.submit(account, request, start);
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, code: error.code, message: error.message, ...error.more };
    throw error;
  }
  return undefined;
}

describe('golden replies', () => {
  const replies = morning();

  it.each(Object.keys(replies))('%s', (name) => {
    const file = new URL(`../golden/${name}.json`, import.meta.url);
    const text = `${JSON.stringify(replies[name], null, 2)}\n`;
    if (process.env['UPDATE_GOLDEN'] || !existsSync(file)) writeFileSync(file, text);
    expect(text).toBe(readFileSync(file, 'utf8'));
  });
});
