import fc from 'fast-check';
import { decodeConsistencyToken, encodeConsistencyToken } from './consistency-token.ts';

const epoch = fc.uuid().map((id) => id.slice(0, 8));
const version = fc.integer({ min: 1, max: 2 ** 31 - 1 });

describe('a consistency token', () => {
  it('decodes to what was encoded', () => {
    fc.assert(
      fc.property(epoch, fc.uuid(), version, (epoch, aggregateId, version) => {
        const token = encodeConsistencyToken({ epoch, aggregateId, version });
        expect(token).toMatch(/^[\w-]{32}$/);
        expect(decodeConsistencyToken(token)).toEqual({ epoch, aggregateId, version });
      }),
    );
  });

  it('has the version of the account that the change affected', () => {
    fc.assert(
      fc.property(
        fc.record({ epoch, aggregateId: fc.uuid(), version, accountId: fc.uuid(), accountVersion: version }),
        (consistency) => {
          const token = encodeConsistencyToken(consistency);
          expect(token).toMatch(/^[\w-]{59}$/);
          expect(decodeConsistencyToken(token)).toEqual(consistency);
        },
      ),
    );
  });

  it('made of garbage is undefined, and never an error', () => {
    const near = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'AZaz09-_='), minLength: 31, maxLength: 33 }),
      fc.string({ unit: fc.constantFrom(...'AZaz09-_='), minLength: 58, maxLength: 60 }),
    );
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), (text) => {
        const decoded = decodeConsistencyToken(text);
        if (!decoded) return;
        expect(decoded.version).toBeGreaterThan(0);
        expect(decoded.accountVersion ?? 1).toBeGreaterThan(0);
      }),
    );
    for (const length of [0, 32, 59]) expect(decodeConsistencyToken('A'.repeat(length))).toBeUndefined();
  });
});
