import type { Execution } from '@tradecore/events';
import { add, decimal, multiply, round, type Decimal } from '@tradecore/money';

/**
 * The fee: 5 basis points (0.05 %) of the notional of each execution, rounded down to the cent, for buys and sells
 * alike. 100 shares at 101.50 are 10,150 and cost 5.07 (5.075 rounded down); 1 share at 19.99 costs nothing (0.009995).
 */
export const feeRate = decimal('0.0005');

/** Decimal places of money that is charged or paid out: cents. Notionals keep up to 9. */
export const moneyPlaces = 2;

/** The value of an execution: quantity times price, rounded down to 9 decimal places. */
export const notionalOf = (quantity: Decimal, price: Decimal): Decimal => multiply(quantity, price, 'down');

/** The fee of one execution with this notional. */
export const feeOf = (notional: Decimal): Decimal => round(multiply(notional, feeRate, 'down'), moneyPlaces, 'down');

/** The notional and fee of an execution. */
export function valueOf({ quantity, price }: Pick<Execution, 'quantity' | 'price'>): { notional: Decimal; fee: Decimal } {
  const notional = notionalOf(decimal(quantity), decimal(price));
  return { notional, fee: feeOf(notional) };
}

/** The cost of a buy: notional and fee. */
export function costOf(quantity: Decimal, price: Decimal): Decimal {
  const notional = notionalOf(quantity, price);
  return add(notional, feeOf(notional));
}

/**
 * The money reserved for a buy at this price: the notional rounded up to 9 places plus its fee rounded up to the cent.
 * However it fills in parts, at any prices up to this one, what each part frees covers its cost: `reservedFor(q, p) -
 * reservedFor(q - f, p) >= costOf(f, p')` for each `f <= q` and `p' <= p`, because `up(a) - up(b) >= down(a - b)`.
 */
export const reservedFor = (quantity: Decimal, unitPrice: Decimal): Decimal => withFee(multiply(quantity, unitPrice, 'up'));

/** A reserved notional plus its fee, rounded up to the cent. */
export const withFee = (notional: Decimal): Decimal => add(notional, round(multiply(notional, feeRate, 'up'), moneyPlaces, 'up'));
