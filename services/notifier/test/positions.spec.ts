import { positionIn, PositionLost } from '../src/positions.ts';

describe('the position in a partition', () => {
  const partition = { topic: 'transport.order-events', partition: 2, startOffset: 10n, endOffset: 20n };

  it('is what was committed, or the start of the log if that is later', () => {
    expect([10n, 15n, 20n].map((each) => positionIn(partition, each))).toEqual([10n, 15n, 20n]);
    expect(positionIn(partition, 4n)).toBe(10n);
  });

  it('is lost if it is gone or beyond the end', () => {
    expect(() => positionIn(partition, undefined)).toThrow(PositionLost);
    expect(() => positionIn(partition, 21n)).toThrow('ends at 20 but was read up to 21: another log');
  });
});
