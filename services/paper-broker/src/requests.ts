import { z } from 'zod';
import { orderFaults, requestFaults, streamFaults } from './exchange/index.ts';

/** Alpaca accepts amounts as text and as numbers. */
const amount = z.union([z.string().max(64), z.number().transform(String)]);
const clientOrderId = z.string().min(1).max(128);
const sides = z.enum(['buy', 'sell']);
const timesInForce = z.enum(['day', 'gtc', 'ioc', 'fok']);
const onlyWith = (what: string) => `only ${what} is supported by the paper broker`;
const intents = { buy: 'buy_to_open', sell: 'sell_to_close' } as const;

/** `POST /v2/orders`. Every schema here is strict: an unsupported field is refused, never silently ignored. */
export const postOrder = z
  .strictObject({
    symbol: z.string().min(1).max(20),
    qty: amount,
    side: sides,
    type: z.enum(['market', 'limit', 'stop', 'stop_limit']),
    time_in_force: timesInForce,
    limit_price: amount.optional(),
    stop_price: amount.optional(),
    client_order_id: clientOrderId.optional(),
    order_class: z.enum(['simple', ''], 'only simple orders are supported by the paper broker').optional(),
    extended_hours: z.literal(false, onlyWith('false')).optional(),
    position_intent: z.enum(Object.values(intents), onlyWith('buy_to_open or sell_to_close')).optional(),
  })
  .refine(({ side, position_intent: intent }) => intent === undefined || intent === intents[side], {
    path: ['position_intent'],
    error: 'the paper broker has no short positions: a buy opens, a sell closes',
  });

/** `PATCH /v2/orders/{id}`. */
export const patchOrder = z.strictObject({
  qty: amount.optional(),
  limit_price: amount.optional(),
  stop_price: amount.optional(),
  time_in_force: timesInForce.optional(),
  client_order_id: clientOrderId.optional(),
});

const moment = z
  .string()
  .refine((text) => !Number.isNaN(Date.parse(text)), 'must be a time such as 2025-06-30T14:00:00Z')
  .transform((text) => Date.parse(text));
const list = z.string().transform((text) => text.split(',').filter((each) => each !== ''));

/** Simple orders have no legs, and all are in shares. */
const ofSimpleOrders = { nested: z.stringbool().optional(), asset_class: z.literal('us_equity').optional() };

/** `GET /v2/orders`. */
export const orderQuery = z.strictObject({
  status: z.enum(['open', 'closed', 'all']).default('open'),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  after: moment.optional(),
  until: moment.optional(),
  direction: z.enum(['asc', 'desc']).default('desc'),
  symbols: list.optional(),
  side: sides.optional(),
  ...ofSimpleOrders,
});

/** `GET /v2/orders/{id}`. */
export const oneOrder = z.strictObject({ nested: ofSimpleOrders.nested });

/** `GET /v2/orders:by_client_order_id`. */
export const byClientOrderId = z.strictObject({ client_order_id: clientOrderId, nested: ofSimpleOrders.nested });

/** `GET /v2/assets`. */
export const assetsQuery = z.strictObject({
  status: z.enum(['active', 'inactive']).optional(),
  asset_class: z.string().optional(),
  exchange: z.string().optional(),
});

/** `DELETE /v2/positions/{symbol}`. */
export const closePosition = z.strictObject({ qty: amount.optional() });

/** `DELETE /v2/positions`. */
export const closePositions = z.strictObject({ cancel_orders: z.stringbool().default(false) });

/** `GET /v2/account/activities`. */
export const activityQuery = z.strictObject({
  activity_types: list.optional(),
  after: moment.optional(),
  until: moment.optional(),
  date: moment.transform((at) => at - (at % 86_400_000)).optional(),
  direction: z.enum(['asc', 'desc']).default('desc'),
  page_size: z.coerce.number().int().min(1).max(100).default(100),
  page_token: z.string().max(100).optional(),
});

const day = z
  .string()
  .transform((text) => text.slice(0, 10))
  .refine((text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)), 'must be a day such as 2025-06-30');

/** `GET /v2/calendar`. */
export const calendarQuery = z.strictObject({ start: day.optional(), end: day.optional() });

/** There is one feed. */
const ofData = { feed: z.literal('iex', onlyWith('iex')).optional(), currency: z.literal('USD', onlyWith('USD')).optional() };

/** `GET /v2/stocks/{symbol}/trades/latest`. */
export const dataQuery = z.strictObject(ofData);

/** `GET /v2/stocks/trades/latest`. */
export const symbolsQuery = z.strictObject({ symbols: list, ...ofData });

const limitMs = 3_600_000;
const scriptable = z.enum([...requestFaults, ...orderFaults, ...streamFaults]);

/** `POST /faults`: a fault that waits for its occasion. */
export const waitingFault = z.strictObject({
  kind: scriptable,
  symbol: z.string().max(20).optional(),
  /** The key id of the account. */
  account: z.string().max(100).optional(),
  on: z.enum(['submit', 'replace', 'cancel', 'read']).optional(),
  times: z.int().min(1).max(1_000_000).default(1),
  probability: z.number().gt(0).max(1).default(1),
  ms: z.int().min(1).max(limitMs).optional(),
});

const aboutExecution = { execution_id: z.string().optional(), client_order_id: z.string().optional() };

/** `POST /faults`: a fault that happens now. */
export const immediateFault = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('away'), ms: z.int().min(1).max(limitMs) }),
  z.strictObject({ kind: z.literal('bust'), ...aboutExecution }),
  z.strictObject({ kind: z.literal('resume'), client_order_id: z.string() }),
  z.strictObject({ kind: z.literal('correct'), ...aboutExecution, qty: amount.optional(), price: amount.optional() }),
]);

/** `POST /prices`. */
export const setPrice = z.strictObject({ symbol: z.string(), price: amount.optional(), halted: z.boolean().optional() });

/** `POST /accounts`. */
export const openAccount = z.strictObject({
  key_id: z.string().min(1).max(100),
  secret_key: z.string().min(1).max(200),
  cash: amount.default('100000'),
});
