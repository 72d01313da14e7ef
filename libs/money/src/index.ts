export {
  decimal,
  decimalRefusal,
  InvalidDecimal,
  maxDecimalLength,
  maxDecimalPlaces,
  maxIntegerDigits,
  type Decimal,
  type DecimalRefusal,
} from './decimal.ts';
export {
  add,
  compare,
  isNegative,
  isPositive,
  larger,
  multiply,
  negate,
  smaller,
  subtract,
  sum,
  zero,
  type Rounding,
} from './arithmetic.ts';
export { divide, isMultipleOf, percentOf, proportion, round, roundToStep, type Rounded } from './rounding.ts';
