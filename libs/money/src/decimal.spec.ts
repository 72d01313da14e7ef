import fc from 'fast-check';
import { add, compare, decimal, decimalRefusal, InvalidDecimal, multiply, negate, subtract, zero } from './index.ts';

const scale = 10n ** 9n;

/**
 * Every representable value as a count of billionths, with BigInt as the independent model. Half have few digits, which
 * take another code path.
 */
const billionths = (digits: number): fc.Arbitrary<bigint> => {
  const most = 10n ** BigInt(digits) * scale - 1n;
  const length = fc
    .integer({ min: 1, max: 17 })
    .chain((count) => fc.bigInt({ min: -(10n ** BigInt(count)), max: 10n ** BigInt(count) }));
  const few = fc.tuple(length, fc.nat(digits + 9)).map(([value, zeros]) => value * 10n ** BigInt(zeros));
  return fc.oneof(
    fc.bigInt({ min: -most, max: most }),
    few.filter((value) => -most <= value && value <= most),
  );
};

const spelled = (value: bigint): string => {
  const size = value < 0n ? -value : value;
  return `${value < 0n ? '-' : ''}${size / scale}.${String(size % scale).padStart(9, '0')}`;
};

const valueOf = (text: string): bigint => {
  const [before = '0', after = ''] = text.replace('-', '').split('.');
  const size = BigInt(before) * scale + BigInt(after.padEnd(9, '0'));
  return text.startsWith('-') ? -size : size;
};

describe('a decimal', () => {
  it.each([
    ['1', '1'],
    ['007.50', '7.5'],
    ['-0.0', '0'],
    ['0.000000001', '0.000000001'],
    ['9999999999999999999.999999999', '9999999999999999999.999999999'],
    ['1.0000000000000', '1'],
    ['-12.340', '-12.34'],
  ])('%s is spelled %s', (text, canonical) => expect(decimal(text)).toBe(canonical));

  it.each([
    ...['', ' 1', '1 ', '+1', '.5', '5.', '1e3', '1,000', 'NaN', 'Infinity', '--1', '0x10', '1.2.3', '１', '1\n', '1\u0000'].map(
      (text) => [text, 'not-a-decimal'],
    ),
    ['1'.repeat(40), 'too-many-integer-digits'],
    ['10000000000000000000', 'too-many-integer-digits'],
    ['0.0000000001', 'too-many-decimal-places'],
    [`${'0'.repeat(70)}1`, 'not-a-decimal'],
  ])('%j is refused as %s', (text, code) => {
    expect(decimalRefusal(text)).toBe(code);
    expect(() => decimal(text)).toThrow(expect.objectContaining({ code, name: 'InvalidDecimal' }));
  });

  it('keeps its value and has one spelling, however it is padded with zeros', () => {
    const zeros = fc.nat(9).map((count) => '0'.repeat(count));
    fc.assert(
      fc.property(billionths(19), zeros, zeros, (value, before, after) => {
        const canonical = decimal(spelled(value));
        expect(valueOf(canonical)).toBe(value);
        expect(decimal(canonical)).toBe(canonical);
        expect(decimal(spelled(value).replace(/^-?/, (sign) => sign + before) + after)).toBe(canonical);
      }),
    );
  });

  it('is never made of garbage: any text is refused with a code or returned in canonical form', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789.-+e ,') });
    fc.assert(
      fc.property(fc.oneof(digits, fc.string({ unit: 'binary' })), (text) => {
        const refusal = decimalRefusal(text);
        if (refusal) expect(() => decimal(text)).toThrow(InvalidDecimal);
        else expect(decimal(text)).toMatch(/^(0|-?([1-9]\d{0,18})(\.\d{0,8}[1-9])?|-?0\.\d{0,8}[1-9])$/);
      }),
    );
  });
});

describe('arithmetic', () => {
  const half = billionths(18).map((value) => decimal(spelled(value)));

  it('agrees with integers on order, sum and difference', () => {
    fc.assert(
      fc.property(half, half, (a, b) => {
        const [x, y] = [valueOf(a), valueOf(b)];
        expect(compare(a, b)).toBe(x < y ? -1 : x > y ? 1 : 0);
        expect(valueOf(add(a, b))).toBe(x + y);
        expect(valueOf(subtract(a, b))).toBe(x - y);
        expect(add(a, b)).toBe(add(b, a));
        expect(add(subtract(a, b), b)).toBe(a);
        expect(add(a, negate(a))).toBe(zero);
      }),
    );
  });

  it('multiplies exactly or reports that the product does not fit', () => {
    const small = billionths(5).map((value) => decimal(spelled(value)));
    fc.assert(
      fc.property(small, small, (a, b) => {
        const product = valueOf(a) * valueOf(b);
        if (product % scale === 0n) expect(valueOf(multiply(a, b))).toBe(product / scale);
        else expect(() => multiply(a, b)).toThrow(expect.objectContaining({ code: 'too-many-decimal-places' }));
      }),
    );
  });

  it('rounds down, up and half to even, as asked, within a billionth', () => {
    const small = billionths(5).map((value) => decimal(spelled(value)));
    fc.assert(
      fc.property(small, small, (a, b) => {
        const product = valueOf(a) * valueOf(b);
        const [down, up] = [valueOf(multiply(a, b, 'down')), valueOf(multiply(a, b, 'up'))];
        expect(down).toBe(product / scale);
        expect(up).toBe(product / scale + (product % scale === 0n ? 0n : product < 0n ? -1n : 1n));
        const nearest = valueOf(multiply(a, b, 'halfEven'));
        expect([down, up]).toContain(nearest);
        const away = nearest * scale - product;
        expect((away < 0n ? -away : away) * 2n <= scale).toBe(true);
      }),
    );
    const billionth = decimal('0.000000001');
    expect(multiply(billionth, decimal('0.5'), 'halfEven')).toBe('0');
    expect(multiply(billionth, decimal('1.5'), 'halfEven')).toBe('0.000000002');
    expect(multiply(billionth, decimal('2.5'), 'halfEven')).toBe('0.000000002');
  });

  it('refuses a result with more than 19 digits before the point', () => {
    const most = decimal('9999999999999999999');
    expect(() => add(most, decimal('1'))).toThrow(expect.objectContaining({ code: 'too-many-integer-digits' }));
    expect(() => multiply(most, most)).toThrow(expect.objectContaining({ code: 'too-many-integer-digits' }));
  });
});
