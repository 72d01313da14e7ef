import Big from 'big.js';
import { isPositive, modes, type Rounding } from './arithmetic.ts';
import { fit, maxDecimalPlaces, type Decimal } from './decimal.ts';
import { ofUnits, placesOf, smallRound, unitsOf } from './small.ts';

/** A rounding that always has a result. */
export type Rounded = Exclude<Rounding, 'exact'>;

/** The value with at most `places` decimal places (0 to 9): `round(decimal('1.239'), 2, 'down')` is `'1.23'`. */
export function round(value: Decimal, places: number, rounding: Rounded): Decimal {
  if (!(Number.isInteger(places) && places >= 0 && places <= maxDecimalPlaces)) throw new RangeError(`bad places: ${places}`);
  if (placesOf(value) <= places) return value;
  return smallRound(value, places, neighbours[rounding]) ?? fit(new Big(value).round(places, modes[rounding]));
}

const neighbours: Readonly<Record<Rounded, (rest: number, step: number, cut: number) => 0 | 1>> = {
  down: () => 0,
  up: () => 1,
  halfEven: (rest, step, cut) => (2 * rest > step || (2 * rest === step && cut % 2 === 1) ? 1 : 0),
};

/**
 * The multiple of `step` next to the value, such as a price on its tick. Throws `RangeError` unless `step` is above
 * zero.
 */
export function roundToStep(value: Decimal, step: Decimal, rounding: Rounded): Decimal {
  const places = Math.max(placesOf(value), placesOf(positive(step)));
  const [units, stepUnits] = [unitsOf(value, places), unitsOf(step, places)];
  if (units !== undefined && stepUnits !== undefined) {
    const rest = Math.abs(units) % stepUnits;
    const cut = (Math.abs(units) - rest) / stepUnits;
    const near = Math.sign(units) * (cut + (rest === 0 ? 0 : neighbours[rounding](rest, stepUnits, cut))) * stepUnits;
    const small = ofUnits(near, places);
    if (small !== undefined) return small;
  }
  const size = integer(new Big(positive(step)), maxDecimalPlaces);
  return fromInteger(quotient(integer(new Big(value), maxDecimalPlaces), size, rounding) * size);
}

/**
 * Whether the value is a multiple of `step`: a price of its tick, a quantity of its lot. Throws `RangeError` unless
 * `step` is above zero.
 */
export function isMultipleOf(value: Decimal, step: Decimal): boolean {
  const places = Math.max(placesOf(value), placesOf(positive(step)));
  const [units, size] = [unitsOf(value, places), unitsOf(step, places)];
  if (units !== undefined && size !== undefined) return units % size === 0;
  return integer(new Big(value), maxDecimalPlaces) % integer(new Big(step), maxDecimalPlaces) === 0n;
}

/** `value * part / whole`, rounded once to 9 decimal places. Throws `RangeError` if `whole` is zero. */
export function proportion(value: Decimal, part: Decimal, whole: Decimal, rounding: Rounded): Decimal {
  if (whole === '0') throw new RangeError('division by zero');
  const product = integer(new Big(value).times(part), 2 * maxDecimalPlaces);
  return fromInteger(quotient(product, integer(new Big(whole), maxDecimalPlaces), rounding));
}

/** `a / b`, rounded to 9 decimal places. Throws `RangeError` if `b` is zero. */
export const divide = (a: Decimal, b: Decimal, rounding: Rounded): Decimal => proportion(a, '1' as Decimal, b, rounding);

/**
 * `percent` percent of the value, rounded to 9 decimal places: `percentOf(decimal('200'), decimal('5'), 'up')` is
 * `'10'`.
 */
export const percentOf = (value: Decimal, percent: Decimal, rounding: Rounded): Decimal =>
  smallHundredth(value, percent) ?? fit(new Big(value).times(percent).times('0.01').round(maxDecimalPlaces, modes[rounding]));

/** A hundredth of the product if it needs no rounding. */
function smallHundredth(a: Decimal, b: Decimal): Decimal | undefined {
  const places = placesOf(a) + placesOf(b) + 2;
  if (places > maxDecimalPlaces) return undefined;
  const [one, other] = [unitsOf(a, placesOf(a)), unitsOf(b, placesOf(b))];
  return one === undefined || other === undefined ? undefined : ofUnits(one * other, places);
}

function positive(step: Decimal): Decimal {
  if (!isPositive(step)) throw new RangeError(`step must be above zero: ${step}`);
  return step;
}

/** Integers: big.js would first round a quotient to 20 places. */
const integer = (value: Big, places: number): bigint => BigInt(value.times(new Big(10).pow(places)).toFixed());

const fromInteger = (billionths: bigint): Decimal => fit(new Big(billionths.toString()).times('1e-9'));

function quotient(a: bigint, b: bigint, rounding: Rounded): bigint {
  const cut = a / b;
  const rest = a % b;
  if (rest === 0n || rounding === 'down') return cut;
  const away = cut + (a < 0n === b < 0n ? 1n : -1n);
  if (rounding === 'up') return away;
  const twice = size(rest) * 2n - size(b);
  return twice > 0n || (twice === 0n && cut % 2n !== 0n) ? away : cut;
}

const size = (value: bigint): bigint => (value < 0n ? -value : value);
