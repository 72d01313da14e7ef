import Big from 'big.js';
import { decimal, fit, maxDecimalPlaces, type Decimal } from './decimal.ts';
import { isSmall, smallProduct, smallSum } from './small.ts';

export const zero: Decimal = decimal('0');

/**
 * What to do with a product of more than 9 decimal places: `exact` refuses it, `down` rounds towards zero, `up` away
 * from zero, `halfEven` to the nearest, ties to even.
 */
export type Rounding = 'exact' | 'down' | 'up' | 'halfEven';

/** The roundings as big.js names them. */
export const modes = { down: Big.roundDown, halfEven: Big.roundHalfEven, up: Big.roundUp } as const;

/** -1, 0 or 1 when `a` is below, equal to or above `b`. */
export function compare(a: Decimal, b: Decimal): -1 | 0 | 1 {
  if (a === b) return 0;
  if (isSmall(a) && isSmall(b)) return Number(a) < Number(b) ? -1 : 1;
  return new Big(a).cmp(b);
}

/** Above zero. */
export const isPositive = (a: Decimal): boolean => a !== zero && !isNegative(a);

/** Below zero. */
export const isNegative = (a: Decimal): boolean => a.startsWith('-');

/** The smaller of two. */
export const smaller = (a: Decimal, b: Decimal): Decimal => (compare(a, b) <= 0 ? a : b);

/** The larger of two. */
export const larger = (a: Decimal, b: Decimal): Decimal => (compare(a, b) >= 0 ? a : b);

/** The same amount with the opposite sign. */
export const negate = (a: Decimal): Decimal => (a === zero ? zero : isNegative(a) ? a.slice(1) : `-${a}`) as Decimal;

/** The exact sum. Throws `InvalidDecimal` if it has more than 19 digits before the point. */
export const add = (a: Decimal, b: Decimal): Decimal => smallSum(a, b, 1) ?? fit(new Big(a).plus(b));

/** The exact difference. Throws `InvalidDecimal` if it has more than 19 digits before the point. */
export const subtract = (a: Decimal, b: Decimal): Decimal => smallSum(a, b, -1) ?? fit(new Big(a).minus(b));

/** The exact sum of all amounts; zero for an empty list. */
export const sum = (amounts: readonly Decimal[]): Decimal => amounts.reduce(add, zero);

/** The product, rounded to 9 decimal places; `exact` (the default) throws `InvalidDecimal` for a longer one. */
export function multiply(a: Decimal, b: Decimal, rounding: Rounding = 'exact'): Decimal {
  const small = smallProduct(a, b, maxDecimalPlaces);
  if (small !== undefined) return small;
  const product = new Big(a).times(b);
  return fit(rounding === 'exact' ? product : product.round(maxDecimalPlaces, modes[rounding]));
}
