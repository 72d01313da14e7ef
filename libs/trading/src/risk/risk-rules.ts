import type { Denial, RiskLimits } from '@tradecore/events';
import { compare, decimal, isMultipleOf, multiply, percentOf, smaller, add, subtract, type Decimal } from '@tradecore/money';
import { isImmediate, referencePrice, reservePrice, tickAt } from './approval.ts';
import type { RuleFacts } from './risk-facts.ts';
import { millisecondsBetween } from '../time.ts';

/** Why an order breaks a rule. */
export type Breach = Omit<Denial, 'rule'>;

/** One rule; `name` is the API's, `check` returns the breach, or undefined. */
export interface Rule {
  readonly name: string;
  readonly says: string;
  readonly check: (facts: RuleFacts) => Breach | undefined;
}

/** How far a limit price may be from the last price by default, in percent. */
const defaultPriceCollarPercent = '10';

/** The ceilings for every order, whatever the limits say: they keep every sum of an account within 19 digits. */
const ceilings = { maxOrderQuantity: '1000000000', maxOrderValue: '1000000000' } as const;

/** Every rule, in the order of the checks. */
export const rules: readonly Rule[] = [
  { name: 'no-such-account', says: 'the account was opened', check: accountIsThere },
  { name: 'trading-halted', says: 'no kill switch is on, for all accounts or for this one', check: tradingGoesOn },
  { name: 'unknown-symbol', says: 'the market knows the symbol', check: symbolIsKnown },
  { name: 'halted-symbol', says: 'the symbol is not halted', check: symbolTrades },
  {
    name: 'wrong-tick',
    says: 'limit and stop price are multiples of the tick, which may differ below 1',
    check: pricesAreOnTicks,
  },
  {
    name: 'wrong-lot',
    says: 'the quantity is a multiple of the lot; a fraction of a share needs a day order',
    check: quantityIsInLots,
  },
  {
    name: 'market-closed',
    says: 'the market is open for orders that trade at once; the end of the day is known for day orders',
    check: marketIsOpen,
  },
  { name: 'max-order-quantity', says: 'the quantity is within the limits', check: quantityIsWithin },
  { name: 'max-order-value', says: 'quantity times the price that values it is within the limits', check: valueIsWithin },
  { name: 'price-collar', says: 'the limit is not too far beyond the last price on the losing side', check: priceIsWithin },
];

function accountIsThere({ accountExists, terms }: RuleFacts): Breach | undefined {
  return accountExists ? undefined : { detail: 'Account not found.', figures: { accountId: terms.accountId } };
}

function tradingGoesOn({ controls: { halted } }: RuleFacts): Breach | undefined {
  return halted && { detail: 'New orders are refused for now.', figures: { scope: halted.scope }, reason: halted.reason };
}

function symbolIsKnown({ quote, terms: { symbol } }: RuleFacts): Breach | undefined {
  return quote ? undefined : { detail: `Unknown symbol: ${symbol}.`, figures: { symbol } };
}

function symbolTrades({ quote, terms: { symbol } }: RuleFacts): Breach | undefined {
  return quote?.halted ? { detail: `${symbol} is halted.`, figures: { symbol } } : undefined;
}

function pricesAreOnTicks({ quote, terms }: RuleFacts): Breach | undefined {
  for (const field of ['limitPrice', 'stopPrice'] as const) {
    const price = terms[field];
    if (!quote || price === undefined) continue;
    const tick = tickAt(quote, decimal(price));
    if (!isMultipleOf(decimal(price), tick))
      return { detail: `${field} must be a multiple of ${tick}.`, figures: { [field]: price, tick } };
  }
  return undefined;
}

/** Brokerages trade fractions of a share only in day orders. */
function quantityIsInLots({ quote, terms: { symbol, quantity, timeInForce } }: RuleFacts): Breach | undefined {
  if (!quote) return undefined;
  const { lot } = quote;
  const share = decimal('1');
  if (!isMultipleOf(decimal(quantity), decimal(lot))) {
    const detail = `${lot === share ? `${symbol} is traded in whole shares: ` : ''}quantity must be a multiple of ${lot}.`;
    return { detail, figures: { quantity, lot } };
  }
  if (timeInForce === 'day' || compare(decimal(lot), share) >= 0 || isMultipleOf(decimal(quantity), share)) return undefined;
  return { detail: 'An order for a fraction of a share must have the time in force day.', figures: { quantity, timeInForce } };
}

/** A session past its reported end is not known to be open. */
function marketIsOpen({ terms, session, now }: RuleFacts): Breach | undefined {
  const immediate = isImmediate(terms);
  if (!immediate && terms.timeInForce === 'gtc') return undefined;
  if (!session) return { detail: 'It is not known whether the market is open.', figures: { now } };
  const { nextOpen, nextClose } = session;
  const figures = { now, nextOpen, nextClose };
  if (millisecondsBetween(now, nextClose) <= 0) return { detail: 'The last known session has ended.', figures };
  if (immediate && !session.isOpen) return { detail: 'The market is closed for orders that trade at once.', figures };
  return undefined;
}

function quantityIsWithin({ terms: { quantity }, controls: { limits } }: RuleFacts): Breach | undefined {
  const maxOrderQuantity = tightest(limits, 'maxOrderQuantity', ceilings.maxOrderQuantity);
  if (compare(decimal(quantity), maxOrderQuantity) <= 0) return undefined;
  return { detail: `The quantity is above the limit of ${maxOrderQuantity}.`, figures: { quantity, maxOrderQuantity } };
}

function valueIsWithin(facts: RuleFacts): Breach | undefined {
  const price = reservePrice(facts);
  if (price === undefined) return undefined;
  const { quantity } = facts.terms;
  const maxOrderValue = tightest(facts.controls.limits, 'maxOrderValue', ceilings.maxOrderValue);
  const detail = `The value of the order is above the limit of ${maxOrderValue}.`;
  // A product of more than 19 digits can't be computed: the quantity is within its ceiling, so a price within the
  // ceiling is safe.
  if (compare(price, decimal(ceilings.maxOrderValue)) > 0) return { detail, figures: { quantity, price, maxOrderValue } };
  const orderValue = multiply(decimal(quantity), price, 'up');
  if (compare(orderValue, maxOrderValue) <= 0) return undefined;
  return { detail, figures: { quantity, price, orderValue, maxOrderValue } };
}

/** Only a limit price can be a typing error; without a last or stop price there is nothing to compare it with. */
function priceIsWithin({ terms, quote, controls: { limits } }: RuleFacts): Breach | undefined {
  const reference = referencePrice(terms, quote);
  const { limitPrice, side } = terms;
  if (limitPrice === undefined || reference === undefined) return undefined;
  const given = limits.flatMap(({ priceCollarPercent }) => priceCollarPercent ?? []).map(decimal);
  const collarPercent = given.length === 0 ? decimal(defaultPriceCollarPercent) : given.reduce(smaller);
  const room = percentOf(reference, collarPercent, 'down');
  const worst = side === 'buy' ? add(reference, room) : subtract(reference, room);
  if (compare(decimal(limitPrice), worst) * (side === 'buy' ? 1 : -1) <= 0) return undefined;
  const direction = side === 'buy' ? 'above' : 'below';
  return {
    detail: `The limit price is more than ${collarPercent} % ${direction} the price of ${reference}.`,
    figures: { limitPrice, referencePrice: reference, collarPercent, worstPrice: worst },
  };
}

/** The tightest limit of this name, never above the ceiling. */
const tightest = (limits: readonly RiskLimits[], name: keyof RiskLimits, ceiling: string): Decimal =>
  [...limits.flatMap((each) => each[name] ?? []), ceiling].map(decimal).reduce(smaller);
