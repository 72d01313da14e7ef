import fc from 'fast-check';
import {
  add,
  decimal,
  divide,
  isMultipleOf,
  larger,
  multiply,
  percentOf,
  proportion,
  round,
  roundToStep,
  smaller,
  subtract,
  sum,
  zero,
  compare,
  isNegative,
  isPositive,
} from './index.ts';

const scale = 10n ** 9n;
const spelled = (value: bigint): string => {
  const size = value < 0n ? -value : value;
  return `${value < 0n ? '-' : ''}${size / scale}.${String(size % scale).padStart(9, '0')}`;
};
/** Decimals of up to `digits` digits before the point. */
const amounts = (digits: number) =>
  fc.bigInt({ min: -(10n ** BigInt(digits + 9)), max: 10n ** BigInt(digits + 9) }).map((value) => decimal(spelled(value)));
const positive = (digits: number) =>
  fc.bigInt({ min: 1n, max: 10n ** BigInt(digits + 9) }).map((value) => decimal(spelled(value)));
/** Decimals with few digits. */
const few = fc.tuple(fc.integer({ min: -(10 ** 6), max: 10 ** 6 }), fc.nat(9)).map(([value, places]) => {
  return decimal(spelled(BigInt(value) * 10n ** BigInt(9 - places)));
});
const billionth = decimal('0.000000001');

describe('rounding', () => {
  it.each([
    ['1.239', 2, 'down', '1.23'],
    ['-1.239', 2, 'down', '-1.23'],
    ['1.231', 2, 'up', '1.24'],
    ['-1.231', 2, 'up', '-1.24'],
    ['1.225', 2, 'halfEven', '1.22'],
    ['1.235', 2, 'halfEven', '1.24'],
    ['7', 0, 'up', '7'],
  ] as const)('%s to %d places %s is %s', (value, places, rounding, expected) =>
    expect(round(decimal(value), places, rounding)).toBe(expected),
  );

  it('rounds to a multiple of a power of ten', () => {
    fc.assert(
      fc.property(fc.oneof(amounts(9), few), fc.integer({ min: 0, max: 8 }), (value, places) => {
        const step = decimal(spelled(10n ** BigInt(9 - places)));
        for (const rounding of ['down', 'up', 'halfEven'] as const) {
          expect(round(value, places, rounding)).toBe(roundToStep(value, step, rounding));
        }
      }),
    );
  });

  it('refuses places that a decimal does not have', () => {
    for (const places of [-1, 10, 0.5]) expect(() => round(zero, places, 'up')).toThrow(RangeError);
  });

  it.each([
    ['10.014', '0.01', 'down', '10.01'],
    ['10.014', '0.01', 'up', '10.02'],
    ['-10.014', '0.01', 'up', '-10.02'],
    ['10.015', '0.01', 'halfEven', '10.02'],
    ['7', '2.5', 'down', '5'],
    ['7.5', '2.5', 'up', '7.5'],
  ] as const)('%s on steps of %s %s is %s', (value, step, rounding, expected) =>
    expect(roundToStep(decimal(value), decimal(step), rounding)).toBe(expected),
  );

  it('to a step gives a multiple, at most a step away', () => {
    fc.assert(
      fc.property(fc.oneof(amounts(9), few), fc.oneof(positive(4), few.filter(isPositive)), (value, step) => {
        const [down, up] = [roundToStep(value, step, 'down'), roundToStep(value, step, 'up')];
        expect(isMultipleOf(down, step) && isMultipleOf(up, step)).toBe(true);
        expect(compare(smaller(down, up), value) <= 0 && compare(larger(down, up), value) >= 0).toBe(true);
        expect([zero, step]).toContain(subtract(larger(down, up), smaller(down, up)));
        expect(isMultipleOf(value, step)).toBe(down === value);
      }),
    );
    for (const step of ['0', '-1']) expect(() => isMultipleOf(zero, decimal(step))).toThrow(RangeError);
  });
});

describe('dividing', () => {
  it('rounds the true quotient: the remainder is less than a billionth of the divisor', () => {
    fc.assert(
      fc.property(amounts(9), amounts(5), (a, b) => {
        fc.pre(b !== zero);
        const [down, up, nearest] = (['down', 'up', 'halfEven'] as const).map((rounding) => divide(a, b, rounding));
        expect([down, up]).toContain(nearest);
        expect(down === up || subtract(larger(down!, up!), smaller(down!, up!)) === billionth).toBe(true);
        const back = (['down', 'up'] as const).map((rounding) => multiply(down!, b, rounding));
        const rest = subtract(a, isNegative(a) === isNegative(b) ? back[0]! : back[1]!);
        expect(compare(multiply(rest, rest, 'down'), multiply(b, b, 'up')) <= 0).toBe(true);
      }),
    );
  });

  it.each([
    ['1', '3', 'down', '0.333333333'],
    ['1', '3', 'up', '0.333333334'],
    ['-1', '3', 'up', '-0.333333334'],
    ['2', '3', 'halfEven', '0.666666667'],
    ['0.000000001', '2', 'halfEven', '0'],
    ['0.000000003', '2', 'halfEven', '0.000000002'],
    // The quotient is within 1e-20 of 1: big.js alone would round it before the requested rounding applies.
    ['9999999999999999999.999999998', '9999999999999999999.999999999', 'down', '0.999999999'],
  ] as const)('%s / %s %s is %s', (a, b, rounding, expected) => expect(divide(decimal(a), decimal(b), rounding)).toBe(expected));

  it('refuses zero', () => {
    expect(() => divide(decimal('1'), zero, 'up')).toThrow(RangeError);
    expect(() => proportion(decimal('1'), decimal('1'), zero, 'up')).toThrow(RangeError);
  });

  it('takes a proportion of all as all, of none as none, and parts rounded down never exceed the whole', () => {
    fc.assert(
      fc.property(amounts(9), positive(6), positive(6), (value, a, b) => {
        const whole = add(a, b);
        expect(proportion(value, whole, whole, 'halfEven')).toBe(value);
        expect(proportion(value, zero, whole, 'up')).toBe(zero);
        const missing = subtract(value, sum([a, b].map((part) => proportion(value, part, whole, 'down'))));
        expect(compare(multiply(missing, missing, 'up'), decimal('0.000000001')) <= 0).toBe(true);
        expect(missing === zero || isNegative(missing) === isNegative(value)).toBe(true);
      }),
    );
  });
});

describe('percent', () => {
  it.each([
    ['200', '5', 'down', '10'],
    ['0.01', '5', 'down', '0.0005'],
    ['33.333333333', '10', 'up', '3.333333334'],
  ] as const)('%s, %s %% of it %s: %s', (value, percent, rounding, expected) =>
    expect(percentOf(decimal(value), decimal(percent), rounding)).toBe(expected),
  );
});
