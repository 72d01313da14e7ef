import { add, compare, divide, subtract, zero, type Decimal } from '@tradecore/money';
import { derivedId } from '@tradecore/events';
import {
  isFractionable,
  tickAt,
  valueOf,
  type AccountView,
  type Instrument,
  type PositionView,
  type Quote,
  type TradingDay,
  type Update,
  type VenueExecution,
  type ExchangeOrder,
} from './exchange/index.ts';

/** Milliseconds as RFC 3339; null if absent. */
export const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());

const ratio = (part: Decimal, whole: Decimal): Decimal => (whole === zero ? zero : divide(part, whole, 'halfEven'));

/** The id of an asset, always the same. */
export const assetId = (symbol: string): string => derivedId('paper-asset', symbol);

/** An order as Alpaca shows it; fields for assets and order classes that we do not trade have fixed values. */
export function orderJson(order: ExchangeOrder): Record<string, unknown> {
  const { filledQty, filledValue } = order;
  return {
    id: order.id,
    client_order_id: order.clientOrderId,
    created_at: time(order.submittedAt),
    updated_at: time(order.updatedAt),
    submitted_at: time(order.submittedAt),
    filled_at: time(order.filledAt),
    expired_at: time(order.expiredAt),
    expires_at: time(order.expiresAt),
    canceled_at: time(order.canceledAt),
    failed_at: time(order.failedAt),
    replaced_at: time(order.replacedAt),
    replaced_by: order.replacedBy ?? null,
    replaces: order.replaces ?? null,
    asset_id: assetId(order.symbol),
    symbol: order.symbol,
    asset_class: 'us_equity',
    notional: null,
    qty: order.qty,
    filled_qty: filledQty,
    filled_avg_price: filledQty === zero ? null : ratio(filledValue, filledQty),
    order_class: 'simple',
    order_type: order.type,
    type: order.type,
    side: order.side,
    position_intent: order.side === 'buy' ? 'buy_to_open' : 'sell_to_close',
    time_in_force: order.timeInForce,
    limit_price: order.limitPrice ?? null,
    stop_price: order.stopPrice ?? null,
    status: order.status,
    extended_hours: false,
    legs: null,
    trail_percent: null,
    trail_price: null,
    hwm: null,
    subtag: null,
    source: null,
  };
}

/** The account's figures as Alpaca shows them. It is a cash account: its buying power is its money. */
export function accountJson({ id, cash, power, longValue, openedAt, opened }: AccountView): Record<string, unknown> {
  const equity = add(cash, longValue);
  const spendable = compare(power, zero) < 0 ? zero : power;
  const flags = ['trading_blocked', 'transfers_blocked', 'account_blocked', 'trade_suspended_by_user', 'shorting_enabled'];
  const none = ['initial_margin', 'maintenance_margin', 'last_maintenance_margin', 'short_market_value', 'sma', 'accrued_fees'];
  return {
    id,
    account_number: `PA${id.replaceAll('-', '').slice(0, 10).toUpperCase()}`,
    status: 'ACTIVE',
    crypto_status: 'INACTIVE',
    currency: 'USD',
    cash,
    buying_power: spendable,
    regt_buying_power: spendable,
    daytrading_buying_power: zero,
    non_marginable_buying_power: spendable,
    options_buying_power: zero,
    portfolio_value: equity,
    equity,
    last_equity: opened,
    long_market_value: longValue,
    multiplier: '1',
    pattern_day_trader: false,
    daytrade_count: 0,
    balance_asof: time(openedAt)?.slice(0, 10),
    created_at: time(openedAt),
    ...Object.fromEntries([...flags.map((name) => [name, false]), ...none.map((name) => [name, zero])]),
  };
}

/** A position as Alpaca shows it. `lastDay` is the close that the walk started from. */
export function positionJson(position: PositionView, { exchange, close }: Instrument): Record<string, unknown> {
  const { symbol, qty, held, cost, price } = position;
  const value = valueOf(qty, price);
  const profit = subtract(value, cost);
  const today = valueOf(qty, subtract(price, close));
  return {
    asset_id: assetId(symbol),
    symbol,
    exchange,
    asset_class: 'us_equity',
    asset_marginable: false,
    qty,
    qty_available: subtract(qty, held),
    avg_entry_price: ratio(cost, qty),
    side: compare(qty, zero) < 0 ? 'short' : 'long',
    market_value: value,
    cost_basis: cost,
    unrealized_pl: profit,
    unrealized_plpc: ratio(profit, cost),
    unrealized_intraday_pl: today,
    unrealized_intraday_plpc: ratio(today, valueOf(qty, close)),
    current_price: price,
    lastday_price: close,
    change_today: ratio(subtract(price, close), close),
  };
}

/** An asset as Alpaca shows it, which gives increments for crypto only. A halted asset is not tradable. */
export const assetJson = (instrument: Instrument, { halted }: Quote): Record<string, unknown> => ({
  id: assetId(instrument.symbol),
  class: 'us_equity',
  exchange: instrument.exchange,
  symbol: instrument.symbol,
  name: instrument.name,
  status: 'active',
  tradable: !halted,
  marginable: false,
  shortable: false,
  easy_to_borrow: false,
  fractionable: isFractionable(instrument),
  maintenance_margin_requirement: 100,
  margin_requirement_long: '100',
  margin_requirement_short: '100',
  attributes: [],
});

/** A trading day as Alpaca's calendar shows it, in the time zone `zone`; a day that never closes ends at 23:59. */
export function calendarJson({ date, opensAt, closesAt }: TradingDay, zone: string, settledOn: string) {
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' });
  const [open, close] = [clock.format(opensAt), clock.format(closesAt)];
  const hours = { open, close: close === open ? '23:59' : close, session_open: '0400', session_close: '2000' };
  return { date, ...hours, settlement_date: settledOn };
}

/** The time of an activity as written in its id: `yyyymmddhhmmssmmm`. */
const spelled = (ms: number): string => new Date(ms).toISOString().replace(/\D/g, '');

/** The activity id of an execution. */
const activityId = ({ at, id }: VenueExecution): string => `${spelled(at)}::${id}`;

/** An execution as Alpaca's activities show it. */
export const activityJson = (execution: VenueExecution): Record<string, unknown> => ({
  id: activityId(execution),
  activity_type: 'FILL',
  transaction_time: time(execution.at),
  type: execution.leavesQty === zero ? 'fill' : 'partial_fill',
  price: execution.price,
  qty: execution.qty,
  side: execution.side,
  symbol: execution.symbol,
  leaves_qty: execution.leavesQty,
  order_id: execution.orderId,
  cum_qty: execution.cumQty,
  order_status: execution.leavesQty === zero ? 'filled' : 'partially_filled',
});

/** An update as the stream sends it. */
export function updateJson({ event, at, order, execution }: Update): Record<string, unknown> {
  const traded = execution && {
    execution_id: execution.id,
    price: execution.price,
    qty: execution.qty,
    position_qty: execution.positionQty,
    ...(execution.previousId !== undefined && { previous_execution_id: execution.previousId }),
  };
  return { event, timestamp: time(at), at: time(at), ...traded, order: orderJson(order) };
}

/** The last trade as Alpaca's market data shows it: prices are JSON numbers. */
export const tradeJson = ({ price, at, sequence }: Quote): Record<string, unknown> => ({
  t: time(at),
  x: 'V',
  p: Number(price),
  s: 100,
  c: ['@'],
  i: sequence,
  z: 'C',
});

/** A quote one tick on each side of the last price. */
export function quoteJson({ price, at }: Quote): Record<string, unknown> {
  const tick = tickAt(price);
  const [ask, bid] = [Number(add(price, tick)), Number(subtract(price, tick))];
  return { t: time(at), ax: 'V', ap: ask, as: 1, bx: 'V', bp: bid, bs: 1, c: ['R'], z: 'C' };
}
