import Big from 'big.js';

/** Most digits before the point: 9,999,999,999,999,999,999 shares or cents are enough for any book. */
export const maxIntegerDigits = 19;

/** Most digits after the point: brokers quote 4, crypto sizes have 8, and one is spare. */
export const maxDecimalPlaces = 9;

/** Longest text accepted: a sign, all digits, the point, and zeros that a careless client may add. */
export const maxDecimalLength = 64;

declare const canonical: unique symbol;

/**
 * An exact decimal in its one canonical spelling: no `+`, no exponent, no leading or trailing zeros, no `-0`. Two
 * decimals are equal when their strings are equal, and JSON and SQL `numeric` take it unchanged.
 */
export type Decimal = string & { readonly [canonical]: true };

/** Why a text is not a decimal. Stable: clients see these codes. */
export type DecimalRefusal = 'not-a-decimal' | 'too-many-integer-digits' | 'too-many-decimal-places';

/** The text is not a decimal, or a value does not fit. */
export class InvalidDecimal extends Error {
  override readonly name = 'InvalidDecimal';
  constructor(readonly code: DecimalRefusal) {
    super(refusals[code]);
  }
}

const refusals: Readonly<Record<DecimalRefusal, string>> = {
  'not-a-decimal': 'must be a plain decimal number in a string, such as "12.50"',
  'too-many-integer-digits': `must have at most ${maxIntegerDigits} digits before the point`,
  'too-many-decimal-places': `must have at most ${maxDecimalPlaces} digits after the point`,
};

/** Stored values are already canonical and need no arithmetic. */
const canonicalShape = /^(?:0|-?(?:[1-9][0-9]{0,18}(?:\.[0-9]{0,8}[1-9])?|0\.[0-9]{0,8}[1-9]))$/;

const plain = /^-?[0-9]+(\.[0-9]+)?$/;

/**
 * Why `text` is refused, or undefined if `decimal(text)` succeeds. Redundant zeros are not counted. The length is
 * checked first: on 65,000 zeros that end in a 1 the pattern takes 2.9 s.
 */
export function decimalRefusal(text: string): DecimalRefusal | undefined {
  if (text.length > maxDecimalLength || !plain.test(text)) return 'not-a-decimal';
  const [before = '', after = ''] = text.replace('-', '').split('.');
  if (before.replace(/^0+/, '').length > maxIntegerDigits) return 'too-many-integer-digits';
  return after.replace(/0+$/, '').length > maxDecimalPlaces ? 'too-many-decimal-places' : undefined;
}

/** The canonical spelling of a decimal: `decimal('007.50')` is `'7.5'`. Throws `InvalidDecimal`. */
export function decimal(text: string): Decimal {
  if (canonicalShape.test(text)) return text as Decimal;
  const refusal = decimalRefusal(text);
  if (refusal) throw new InvalidDecimal(refusal);
  return spell(new Big(text));
}

/** The canonical spelling of a result. Throws `InvalidDecimal` if it does not fit: money is never rounded silently. */
export function fit(value: Big): Decimal {
  // big.js stores the digits without outer zeros, and `e`, the exponent of the first: 12.5 is [1, 2, 5] and 1.
  if (value.e >= maxIntegerDigits) throw new InvalidDecimal('too-many-integer-digits');
  if (value.c.length - 1 - value.e > maxDecimalPlaces) throw new InvalidDecimal('too-many-decimal-places');
  return spell(value);
}

const spell = (value: Big): Decimal => (value.eq(0) ? '0' : value.toFixed()) as Decimal;
