import { alwaysOpen, newYork } from './index.ts';

const at = (text: string): number => Date.parse(text);

describe("New York's hours", () => {
  it.each([
    ['2025-07-01T13:29:59Z', false, '2025-07-01T13:30:00Z', '2025-07-01T20:00:00Z', 'before the opening, in summer'],
    ['2025-07-01T13:30:00Z', true, '2025-07-02T13:30:00Z', '2025-07-01T20:00:00Z', 'at the opening'],
    ['2025-07-01T20:00:00Z', false, '2025-07-02T13:30:00Z', '2025-07-02T20:00:00Z', 'at the close'],
    [
      '2025-07-03T17:30:00Z',
      false,
      '2025-07-07T13:30:00Z',
      '2025-07-07T20:00:00Z',
      'after an early close, before a holiday and a weekend',
    ],
    ['2025-01-09T16:00:00Z', false, '2025-01-10T14:30:00Z', '2025-01-10T21:00:00Z', 'a day of mourning, in winter'],
    ['2026-03-06T21:30:00Z', false, '2026-03-09T13:30:00Z', '2026-03-09T20:00:00Z', 'over the change of the clocks'],
  ])('%s: open %s, opens %s, closes %s (%s)', (now, isOpen, opens, closes) => {
    expect(newYork.isOpen(at(now))).toBe(isOpen);
    expect(newYork.nextOpen(at(now))).toBe(at(opens));
    expect(newYork.nextClose(at(now))).toBe(at(closes));
  });

  it('has 250 trading days in 2025, and a bounded calendar', () => {
    expect(newYork.days('2025-01-01', '2025-12-31')).toHaveLength(250);
    expect(newYork.days('1000-01-01', '9000-01-01').length).toBeLessThan(3660);
    expect(newYork.days('2025-12-31', '2025-01-01')).toEqual([]);
  });
});

describe('a market that never closes', () => {
  it('has days that end at midnight', () => {
    expect(alwaysOpen.isOpen(at('2025-12-25T03:00:00Z'))).toBe(true);
    expect(alwaysOpen.nextClose(at('2025-12-25T03:00:00Z'))).toBe(at('2025-12-26T00:00:00Z'));
    expect(alwaysOpen.nextClose(at('2025-12-26T00:00:00Z'))).toBe(at('2025-12-27T00:00:00Z'));
  });
});
