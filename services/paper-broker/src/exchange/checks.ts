import { compare, decimal, decimalRefusal, isMultipleOf, isPositive, type Decimal } from '@tradecore/money';
import { isFractionable, tickAt, type Instrument } from './instruments.ts';
import { impossible, insufficient, malformed } from './refusal.ts';
import type { OrderRequest, ReplaceRequest, ExchangeOrder } from './exchange-order.ts';

/** The checked terms of an order. */
export type Terms = Pick<ExchangeOrder, 'side' | 'type' | 'timeInForce' | 'qty' | 'limitPrice' | 'stopPrice'>;

/** A number greater than zero; `Refusal` 422 for anything else. */
export function positive(name: string, text: string): Decimal {
  if (decimalRefusal(text) !== undefined) throw malformed(`${name} must be a number`);
  const value = decimal(text);
  if (!isPositive(value)) throw impossible(`${name} must be > 0`);
  return value;
}

function quantity({ qty: text, timeInForce }: OrderRequest, instrument: Instrument): Decimal {
  const qty = positive('qty', text);
  if (isMultipleOf(qty, decimal('1'))) return qty;
  if (!isFractionable(instrument)) throw insufficient(`asset "${instrument.symbol}" is not fractionable`, {});
  if (timeInForce !== 'day') throw impossible('fractional orders must be DAY orders');
  return qty;
}

/** A price in whole ticks; `Refusal` 422 for anything else. */
export function priceOf(name: string, text: string): Decimal {
  const value = positive(name, text);
  if (isMultipleOf(value, tickAt(value))) return value;
  throw impossible(`invalid ${name} ${text}. sub-penny increment does not fulfill minimum pricing criteria`);
}

/** The prices that an order type requires; it must not have the others. */
const pricesOf = {
  market: { limit: false, stop: false },
  limit: { limit: true, stop: false },
  stop: { limit: false, stop: true },
  stop_limit: { limit: true, stop: true },
} as const;

function checkPrices({ type, limitPrice, stopPrice }: Pick<OrderRequest, 'type' | 'limitPrice' | 'stopPrice'>): void {
  const needs = pricesOf[type];
  if (needs.limit && limitPrice === undefined) throw malformed(`${type} orders require a limit price`);
  if (needs.stop && stopPrice === undefined) throw malformed(`${type} orders require a stop price`);
  if (!needs.limit && limitPrice !== undefined) throw malformed(`${type} orders must not have a limit price`);
  if (!needs.stop && stopPrice !== undefined) throw malformed(`${type} orders must not have a stop price`);
}

const isImmediate = (timeInForce: OrderRequest['timeInForce']): boolean => timeInForce === 'ioc' || timeInForce === 'fok';

/** Checks an order request against the instrument and the market's hours. Throws `Refusal` 422. */
export function checkTerms(request: OrderRequest, instrument: Instrument, isMarketOpen: boolean): Terms {
  const { side, type, timeInForce, limitPrice, stopPrice } = request;
  checkPrices(request);
  if (isImmediate(timeInForce)) {
    if (pricesOf[type].stop) throw impossible(`invalid time_in_force ${timeInForce} for a ${type} order`);
    if (!isMarketOpen) throw impossible(`market is closed: a ${timeInForce} order can't be executed now`);
  }
  return {
    side,
    type,
    timeInForce,
    qty: quantity(request, instrument),
    ...(limitPrice !== undefined && { limitPrice: priceOf('limit_price', limitPrice) }),
    ...(stopPrice !== undefined && { stopPrice: priceOf('stop_price', stopPrice) }),
  };
}

const replaceable: ReadonlySet<ExchangeOrder['status']> = new Set(['new', 'partially_filled', 'suspended', 'done_for_day']);

/** Checks a replace request against its order and returns the new terms. Throws `Refusal` 422. */
export function checkReplace(order: ExchangeOrder, changes: ReplaceRequest, instrument: Instrument): Terms {
  if (!replaceable.has(order.status)) throw impossible(`cannot replace order in ${order.status} status`);
  const { clientOrderId, ...wanted } = changes;
  const before = { ...order, ...wanted, clientOrderId } as OrderRequest;
  const terms = checkTerms(before, instrument, true);
  if (compare(terms.qty, order.filledQty) <= 0) throw impossible(`qty must be > filled_qty ${order.filledQty}`);
  return terms;
}
