import fc from 'fast-check';
import { z } from 'zod';
import { RequestRefused } from './problems.ts';
import { validate } from './validated.ts';

const body = z.strictObject({
  symbol: z.string(),
  quantity: z.string().regex(/^\d+$/, 'must be digits'),
  side: z.enum(['buy', 'sell']),
  revisions: z.array(z.strictObject({ price: z.string() })).optional(),
});

function faultsOf(value: unknown, part: 'body' | 'query' = 'body') {
  try {
    validate(body, value, part);
  } catch (error) {
    if (error instanceof RequestRefused) return error.more.errors ?? [];
    throw error;
  }
  return [];
}

describe('a body', () => {
  it('that fits is accepted', () =>
    expect(validate(body, { symbol: 'A', quantity: '1', side: 'buy' }, 'body')).toEqual({
      symbol: 'A',
      quantity: '1',
      side: 'buy',
    }));

  it('is refused with every fault and its pointer', () => {
    expect(faultsOf({ symbol: 7, quantity: 'x', extra: 1, revisions: [{ price: '1' }, { prize: '2' }] })).toEqual([
      { pointer: '#/symbol', code: 'wrong-type', detail: expect.any(String) },
      { pointer: '#/quantity', code: 'invalid-format', detail: 'must be digits' },
      { pointer: '#/side', code: 'missing', detail: 'is missing' },
      { pointer: '#/revisions/1/price', code: 'missing', detail: 'is missing' },
      { pointer: '#/revisions/1/prize', code: 'unknown-field', detail: expect.any(String) },
      { pointer: '#/extra', code: 'unknown-field', detail: expect.any(String) },
    ]);
  });

  it.each([undefined, null, 7, 'text', []])('that is %p is refused as a whole', (value) =>
    expect(faultsOf(value)).toEqual([expect.objectContaining({ pointer: '#' })]),
  );

  it('with U+0000 or half a surrogate pair is refused, wherever it is', () => {
    expect(faultsOf({ symbol: 'a\0b', quantity: '1', side: 'buy' })).toEqual([
      expect.objectContaining({ pointer: '#/symbol', code: 'forbidden-character' }),
    ]);
    expect(faultsOf({ symbol: '\ud800', 'k\udc00': '1' })).toEqual([
      expect.objectContaining({ pointer: '#/symbol', code: 'forbidden-character' }),
      expect.objectContaining({ code: 'forbidden-character' }),
    ]);
  });

  it('that is too deep or has too many members is refused before the schema sees it', () => {
    let deep: unknown = 'x';
    for (let level = 0; level < 30; level += 1) deep = [deep];
    expect(faultsOf(deep)).toEqual([expect.objectContaining({ code: 'too-deep' })]);
    const wide = Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`k${index}`, 1]));
    expect(faultsOf(wide)).toEqual([expect.objectContaining({ pointer: '#', code: 'too-many-members' })]);
  });

  it('has pointers escaped according to RFC 6901', () =>
    expect(faultsOf({ 'a/b~c d': 1 })).toContainEqual(expect.objectContaining({ pointer: '#/a~1b~0c%20d' })));
});

describe('a fault of another part', () => {
  it('says which part', () =>
    expect(faultsOf({}, 'query')).toContainEqual(expect.objectContaining({ in: 'query', pointer: '#/side' })));
});

describe('any JSON at all', () => {
  it('is accepted or refused with faults, never a crash', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 25, noUnicodeString: false }), (value) => {
        for (const { pointer, code, detail } of faultsOf(value)) {
          expect(pointer.startsWith('#')).toBe(true);
          expect(code).toMatch(/^[a-z-]+$/);
          expect(detail).not.toBe('');
        }
      }),
    );
  });
});
