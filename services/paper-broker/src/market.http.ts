import { assetId, assetJson, calendarJson, quoteJson, time, tradeJson } from './alpaca-json.ts';
import { newYork, type Exchange, type Instrument } from './exchange/index.ts';
import { notFound } from './exchange/refusal.ts';
import { assetsQuery, calendarQuery, dataQuery, symbolsQuery } from './requests.ts';
import { serve, type Counter } from './routes.ts';

const dayLength = 24 * 3_600_000;
const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** Finds an asset by symbol or id. */
function assetOf(exchange: Exchange, asked: string): Instrument {
  const found = exchange.instruments.find(({ symbol }) => symbol === asked || assetId(symbol) === asked);
  if (!found) throw notFound(`asset not found for ${asked}`);
  return found;
}

/** `/v2/assets`, `/v2/clock`, `/v2/calendar` of the trading API, and the last trades and quotes of the data API. */
export function marketRoutes(counter: Counter): void {
  const { exchange } = counter;
  const asset = (instrument: Instrument) => assetJson(instrument, exchange.quote(instrument.symbol));
  serve(counter, 'GET /v2/assets', {
    on: 'read',
    reads: assetsQuery,
    act: ({ given: { status = 'active', asset_class: kind = 'us_equity', exchange: place } }) => {
      const isListed = status === 'active' && kind === 'us_equity';
      return exchange.instruments.filter((each) => isListed && (place ?? each.exchange) === each.exchange).map(asset);
    },
  });
  serve(counter, 'GET /v2/assets/:symbol', { on: 'read', act: ({ path }) => asset(assetOf(exchange, path.symbol)) });
  serve(counter, 'GET /v2/clock', { on: 'read', act: (_, now) => clock(exchange, now) });
  serve(counter, 'GET /v2/calendar', {
    on: 'read',
    reads: calendarQuery,
    act: ({ given: query }, now) => calendar(exchange, query, now),
  });
  dataRoutes(counter);
}

const clock = ({ session }: Exchange, now: number): Record<string, unknown> => ({
  timestamp: time(now),
  is_open: session.isOpen(now),
  next_open: time(session.nextOpen(now)),
  next_close: time(session.nextClose(now)),
});

/** Trades settle on the next trading day. */
function calendar(
  { session }: Exchange,
  { start, end }: { start?: string | undefined; end?: string | undefined },
  now: number,
): unknown[] {
  const from = start ?? dateOf(now - 30 * dayLength);
  const to = end ?? dateOf(now + 365 * dayLength);
  const days = session.days(from, dateOf(Date.parse(to) + 10 * dayLength));
  const zone = session === newYork ? 'America/New_York' : 'UTC';
  return days.map((day, index) => calendarJson(day, zone, days[index + 1]?.date ?? day.date)).filter(({ date }) => date <= to);
}

function dataRoutes(counter: Counter): void {
  const { exchange } = counter;
  const trade = ({ symbol }: Instrument) => tradeJson(exchange.quote(symbol));
  const quote = ({ symbol }: Instrument) => quoteJson(exchange.quote(symbol));
  for (const [many, one, show] of [
    ['trades', 'trade', trade],
    ['quotes', 'quote', quote],
  ] as const) {
    serve(counter, `GET /v2/stocks/${many}/latest`, {
      on: 'read',
      reads: symbolsQuery,
      act: ({ given: { symbols } }) => {
        const wanted = exchange.instruments.filter(({ symbol }) => symbols.includes(symbol));
        return { [many]: Object.fromEntries(wanted.map((each) => [each.symbol, show(each)])) };
      },
    });
    serve(counter, `GET /v2/stocks/:symbol/${many}/latest`, {
      on: 'read',
      reads: dataQuery,
      act: ({ path: { symbol } }) => ({ symbol, [one]: show(assetOf(exchange, symbol)) }),
    });
  }
}
