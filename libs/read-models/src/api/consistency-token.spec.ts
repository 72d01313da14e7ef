import fc from 'fast-check';
import { decodeConsistencyToken, encodeConsistencyToken } from './consistency-token.ts';

describe('a consistency token', () => {
  it('comes back as it went', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: 2 ** 31 - 1 }), (aggregateId, version) => {
        const token = encodeConsistencyToken({ aggregateId, version });
        expect(token).toMatch(/^[\w-]{27}$/);
        expect(decodeConsistencyToken(token)).toEqual({ aggregateId, version });
      }),
    );
  });

  it('made of garbage is no token, and never an error', () => {
    const near = fc.string({ unit: fc.constantFrom(...'AZaz09-_='), minLength: 26, maxLength: 28 });
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), (text) => {
        const decoded = decodeConsistencyToken(text);
        if (decoded) expect(decoded.version).toBeGreaterThan(0);
      }),
    );
    expect(decodeConsistencyToken('')).toBeUndefined();
    expect(decodeConsistencyToken('A'.repeat(27))).toBeUndefined();
  });
});
