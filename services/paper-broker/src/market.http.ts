import type { FastifyInstance } from 'fastify';
import { assetId, assetJson, calendarJson, quoteJson, time, tradeJson } from './alpaca-json.ts';
import { ownQuery, read } from './door.ts';
import { newYork, type Exchange, type Instrument } from './exchange/index.ts';
import { notFound } from './exchange/refusal.ts';
import { assetsQuery, calendarQuery, dataQuery, symbolsQuery } from './requests.ts';
import type { Counter } from './trading.http.ts';

const dayLength = 24 * 3_600_000;
const dateOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

interface WithSymbol {
  readonly Params: { readonly symbol: string };
}

/** Finds an asset by symbol or id. */
function assetOf(exchange: Exchange, asked: string): Instrument {
  const found = exchange.instruments.find(({ symbol }) => symbol === asked || assetId(symbol) === asked);
  if (!found) throw notFound(`asset not found for ${asked}`);
  return found;
}

/** `/v2/assets`, `/v2/clock`, `/v2/calendar` of the trading API, and the last trades and quotes of the data API. */
export function marketRoutes(door: FastifyInstance, counter: Counter): void {
  const { exchange, faultInjection } = counter;
  const asset = (instrument: Instrument) => assetJson(instrument, exchange.quote(instrument.symbol));
  door.get('/v2/assets', ownQuery, async (request, reply) => {
    const { status = 'active', asset_class: kind = 'us_equity', exchange: place } = read(assetsQuery, request.query);
    const isListed = status === 'active' && kind === 'us_equity';
    const wanted = exchange.instruments.filter((each) => isListed && (place ?? each.exchange) === each.exchange);
    return faultInjection.attend(request, reply, { on: 'read', act: () => wanted.map(asset) });
  });
  door.get<WithSymbol>('/v2/assets/:symbol', async (request, reply) =>
    faultInjection.attend(request, reply, { on: 'read', act: () => asset(assetOf(exchange, request.params.symbol)) }),
  );
  door.get('/v2/clock', async (request, reply) =>
    faultInjection.attend(request, reply, { on: 'read', act: (_, now) => clock(exchange, now) }),
  );
  door.get('/v2/calendar', ownQuery, async (request, reply) => {
    const query = read(calendarQuery, request.query);
    return faultInjection.attend(request, reply, { on: 'read', act: (_, now) => calendar(exchange, query, now) });
  });
  dataRoutes(door, counter);
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

function dataRoutes(door: FastifyInstance, { exchange, faultInjection }: Counter): void {
  const trade = ({ symbol }: Instrument) => tradeJson(exchange.quote(symbol));
  const quote = ({ symbol }: Instrument) => quoteJson(exchange.quote(symbol));
  for (const [many, one, show] of [
    ['trades', 'trade', trade],
    ['quotes', 'quote', quote],
  ] as const) {
    door.get(`/v2/stocks/${many}/latest`, ownQuery, async (request, reply) => {
      const { symbols } = read(symbolsQuery, request.query);
      const wanted = exchange.instruments.filter(({ symbol }) => symbols.includes(symbol));
      const shown = await faultInjection.attend(request, reply, {
        on: 'read',
        act: () => Object.fromEntries(wanted.map((each) => [each.symbol, show(each)])),
      });
      return shown && { [many]: shown };
    });
    door.get<WithSymbol>(`/v2/stocks/:symbol/${many}/latest`, ownQuery, async (request, reply) => {
      read(dataQuery, request.query);
      const { symbol } = request.params;
      const shown = await faultInjection.attend(request, reply, { on: 'read', act: () => show(assetOf(exchange, symbol)) });
      return shown && { symbol, [one]: shown };
    });
  }
}
