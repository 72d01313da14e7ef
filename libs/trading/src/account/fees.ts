import type { Execution } from '@tradecore/events';
import { add, decimal, multiply, round, type Decimal } from '@tradecore/money';

/**
 * The schedule of fees: 5 basis points (0.05 %) of the notional of each execution, rounded down to the cent, on buys and sells alike.
 * 100 shares at 101.50 are 10,150 and cost 5.07 (5.075 rounded down); 1 share at 19.99 costs nothing (0.009995).
 */
export const feeRate = decimal('0.0005');

/** The decimal places of money that is charged or paid out: cents. Notionals keep up to 9. */
export const moneyPlaces = 2;

/** Quantity times price, rounded down to 9 decimal places: what an execution is worth. */
export const notionalOf = (quantity: Decimal, price: Decimal): Decimal => multiply(quantity, price, 'down');

/** The fee of one execution of this notional. */
export const feeOf = (notional: Decimal): Decimal => round(multiply(notional, feeRate, 'down'), moneyPlaces, 'down');

/** What an execution is worth and costs. */
export function valueOf({ quantity, price }: Pick<Execution, 'quantity' | 'price'>): { notional: Decimal; fee: Decimal } {
  const notional = notionalOf(decimal(quantity), decimal(price));
  return { notional, fee: feeOf(notional) };
}

/** What a buy of so much takes from the account: notional and fee. */
export function costOf(quantity: Decimal, price: Decimal): Decimal {
  const notional = notionalOf(quantity, price);
  return add(notional, feeOf(notional));
}

/**
 * The money that is reserved for a buy of so much at this price: the notional rounded up to 9 places and its fee rounded up to the cent.
 * Whatever the parts in which it fills, and at whatever price up to this one, what each part frees covers what it costs:
 * `reservedFor(q, p) - reservedFor(q - f, p) >= costOf(f, p')` for each `f <= q` and `p' <= p`, for `up(a) - up(b) >= down(a - b)`.
 */
export const reservedFor = (quantity: Decimal, unitPrice: Decimal): Decimal => withFee(multiply(quantity, unitPrice, 'up'));

/** A notional that is reserved, and its fee rounded up to the cent. */
export const withFee = (notional: Decimal): Decimal => add(notional, round(multiply(notional, feeRate, 'up'), moneyPlaces, 'up'));
