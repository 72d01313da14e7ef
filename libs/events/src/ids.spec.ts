import fc from 'fast-check';
import { parse, v5 } from 'uuid';
import { causedEventId, derivedId, freshId, orderIdFor, orderIdForKey } from './ids.ts';

describe('a derived id', () => {
  it('never changes from release to release', () => {
    expect(orderIdFor('account', 'mine-1')).toBe('a9f025f4-0d45-5fb8-88d6-382ced74aba0');
    expect(orderIdForKey('account', 'mine-1')).toBe('a689cf9e-9f5d-54c1-b1fb-63464e1c7e96');
    expect(causedEventId('command', 'aggregate', 0)).toBe('b837b727-ab09-59da-9088-ff964bc5ebdd');
  });

  it('is the UUIDv5 of its parts', () => {
    const root = parse('f17a27d4-5f8b-5e3e-acda-11cf9cf0904e');
    const parts = fc.array(fc.string({ unit: 'binary' }), { maxLength: 4 });
    fc.assert(
      fc.property(parts, (some) => {
        const name = some.map((part) => `${Buffer.byteLength(part)}:${part}`).join('');
        expect(derivedId(...some)).toBe(v5(Buffer.from(name), root));
      }),
    );
  });

  it('is the same for the same parts, and differs for other parts, even if their joined text is equal', () => {
    const parts = fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const same = one.length === other.length && one.every((part, index) => part === other[index]);
        expect(derivedId(...one) === derivedId(...other)).toBe(same);
      }),
    );
    expect(derivedId('a', 'bc')).not.toBe(derivedId('ab', 'c'));
  });
});

describe('a fresh id', () => {
  it('is a UUIDv7 and increases', () => {
    const ids = Array.from({ length: 100 }, freshId);
    expect(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(id))).toBe(true);
    expect([...ids].sort()).toEqual(ids);
  });
});
