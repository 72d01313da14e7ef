export {
  decimal,
  decimalRefusal,
  InvalidDecimal,
  maxDecimalPlaces,
  maxIntegerDigits,
  type Decimal,
  type DecimalRefusal,
} from './decimal.ts';
export { add, compare, isPositive, multiply, negate, subtract, zero, type Rounding } from './arithmetic.ts';
