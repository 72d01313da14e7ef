import fc from 'fast-check';
import { decodeConsistencyToken, encodeConsistencyToken } from './consistency-token.ts';

const version = fc.integer({ min: 1, max: 2 ** 31 - 1 });

describe('a consistency token', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(fc.uuid(), version, (aggregateId, version) => {
        const token = encodeConsistencyToken({ aggregateId, version });
        expect(token).toMatch(/^[\w-]{27}$/);
        expect(decodeConsistencyToken(token)).toEqual({ aggregateId, version });
      }),
    );
  });

  it('has the version of the account that the change affected', () => {
    fc.assert(
      fc.property(fc.uuid(), version, fc.uuid(), version, (aggregateId, version, accountId, accountVersion) => {
        const consistency = { aggregateId, version, accountId, accountVersion };
        const token = encodeConsistencyToken(consistency);
        expect(token).toMatch(/^[\w-]{54}$/);
        expect(decodeConsistencyToken(token)).toEqual(consistency);
      }),
    );
  });

  it('made of garbage is undefined, and never an error', () => {
    const near = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'AZaz09-_='), minLength: 26, maxLength: 28 }),
      fc.string({ unit: fc.constantFrom(...'AZaz09-_='), minLength: 53, maxLength: 55 }),
    );
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), (text) => {
        const decoded = decodeConsistencyToken(text);
        if (!decoded) return;
        expect(decoded.version).toBeGreaterThan(0);
        expect(decoded.accountVersion ?? 1).toBeGreaterThan(0);
      }),
    );
    for (const length of [0, 27, 54]) expect(decodeConsistencyToken('A'.repeat(length))).toBeUndefined();
  });
});
