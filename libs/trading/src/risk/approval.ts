import type { Approval, InstrumentQuote, OrderTerms } from '@tradecore/events';
import {
  add,
  compare,
  decimal,
  isPositive,
  larger,
  percentOf,
  roundToStep,
  smaller,
  subtract,
  type Decimal,
} from '@tradecore/money';
import type { RuleFacts } from './risk-facts.ts';
import { earlier, later } from '../time.ts';

const one = decimal('1');

/**
 * The tick of a price. Cents if the symbol has no tick: the rules have already denied an order for an unknown symbol.
 */
export function tickAt(quote: InstrumentQuote | undefined, price: Decimal): Decimal {
  const isBelowOne = compare(price, one) < 0 && quote?.tickBelowOne !== undefined;
  return decimal((isBelowOne ? quote.tickBelowOne : quote?.tick) ?? '0.01');
}

/** How long an order that is to trade at once may wait to be sent, in milliseconds. */
const immediateOrderMs = 60_000;

/** The order must trade at once or not at all: it needs an open market and does not wait. */
export const isImmediate = ({ type, timeInForce }: OrderTerms): boolean =>
  type === 'market' || timeInForce === 'ioc' || timeInForce === 'fok';

/**
 * The price from which collars are measured: the last price, or a stop order's stop price if that is worse, because the
 * order rests until it is reached. Undefined if neither is known.
 */
export function referencePrice({ side, stopPrice }: OrderTerms, quote: InstrumentQuote | undefined): Decimal | undefined {
  const known = [quote?.lastPrice, stopPrice].flatMap((price) => (price === undefined ? [] : [decimal(price)]));
  return known.length === 0 ? undefined : known.reduce(side === 'buy' ? larger : smaller);
}

/**
 * The worst price at which an order without a limit is still sent: the reference price plus `percent` on the losing
 * side, rounded away from it to a tick. A sell's is at least one tick.
 */
function collarPrice(side: OrderTerms['side'], reference: Decimal, percent: string, quote: InstrumentQuote | undefined): Decimal {
  const room = percentOf(reference, decimal(percent), 'down');
  const worst = side === 'buy' ? add(reference, room) : subtract(reference, room);
  const onTick = roundToStep(worst, tickAt(quote, worst), side === 'buy' ? 'up' : 'down');
  return isPositive(onTick) ? onTick : tickAt(quote, onTick);
}

/**
 * The price per share that values an order and reserves its money: its limit, a buy's collar, a sell's reference;
 * undefined if no price is known.
 */
export function reservePrice({ terms, quote, marketCollarPercent }: RuleFacts): Decimal | undefined {
  if (terms.limitPrice !== undefined) return decimal(terms.limitPrice);
  const reference = referencePrice(terms, quote);
  if (reference === undefined || terms.side === 'sell') return reference;
  return collarPrice('buy', reference, marketCollarPercent, quote);
}

/** The approval of an order that breaks no rule. */
export function approvalOf(facts: RuleFacts): Approval {
  const reserve = reservePrice(facts);
  if (reserve === undefined) throw new Error(`an order of type ${facts.terms.type} was approved without a price`);
  const goodUntil = goodUntilOf(facts);
  return { ...seen(facts), reservePrice: reserve, ...collarOf(facts), ...(goodUntil !== undefined && { goodUntil }) };
}

/** The last price that the rules used. */
function seen({ quote }: RuleFacts): Pick<Approval, 'referencePrice' | 'referencePriceAt'> {
  if (quote?.lastPrice === undefined) return {};
  return { referencePrice: quote.lastPrice, ...(quote.pricedAt !== undefined && { referencePriceAt: quote.pricedAt }) };
}

function collarOf({ terms, quote, marketCollarPercent }: RuleFacts): Pick<Approval, 'collarPrice'> {
  const reference = referencePrice(terms, quote);
  if (terms.limitPrice !== undefined || reference === undefined) return {};
  return { collarPrice: collarPrice(terms.side, reference, marketCollarPercent, quote) };
}

/** `day`: the close of the session; to trade at once: a minute, or that close if it comes first; `gtc`: no end. */
function goodUntilOf({ terms, now, session }: RuleFacts): string | undefined {
  const close = terms.timeInForce === 'gtc' ? undefined : session?.nextClose;
  if (!isImmediate(terms)) return close;
  const soon = later(now, immediateOrderMs);
  return close === undefined ? soon : earlier(soon, close);
}
