import fc from 'fast-check';
import { earlier, later, millisecondsBetween } from './index.ts';
import { millisecondsOf } from './time.ts';

describe('times as RFC 3339 texts', () => {
  it('agree with the platform calendar from year 1 to 9999', () => {
    const times = fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-30T00:00:00Z'), noInvalidDate: true });
    fc.assert(
      fc.property(times, fc.integer({ min: 0, max: 86_400_000 }), (time, milliseconds) => {
        expect(millisecondsOf(time.toISOString())).toBe(time.getTime());
        expect(later(time.toISOString(), milliseconds)).toBe(new Date(time.getTime() + milliseconds).toISOString());
      }),
    );
  });

  it.each([
    ['2026-11-23T09:00:00.123456Z', '2026-11-23T09:00:00.123Z'],
    ['2026-11-23T10:30:00+01:30', '2026-11-23T09:00:00.000Z'],
    ['2026-11-23t04:00:00.5-05:00', '2026-11-23T09:00:00.500Z'],
    ['2024-02-29T23:59:59.999999999Z', '2024-02-29T23:59:59.999Z'],
  ])('%s is %s', (text, utc) => expect(later(text, 0)).toBe(utc));

  it.each(['', 'today', '2026-11-23', '2026-11-23 09:00:00Z', '1795165200', '2026-11-23T09:00:00'])('%j is refused', (text) =>
    expect(() => millisecondsOf(text)).toThrow(RangeError),
  );

  it('are compared as instants, not as texts', () => {
    expect(earlier('2026-11-23T10:00:00+02:00', '2026-11-23T09:00:00Z')).toBe('2026-11-23T10:00:00+02:00');
    expect(millisecondsBetween('2026-11-23T09:00:00Z', '2026-11-23T08:59:59.250Z')).toBe(-750);
  });
});
