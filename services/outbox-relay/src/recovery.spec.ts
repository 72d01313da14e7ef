import type { CurrentBatch } from '@tradecore/event-sourcing';
import { compare } from './recovery.ts';

const batch = (number: bigint, rest: Partial<CurrentBatch> = {}): CurrentBatch => ({
  number,
  settled: false,
  events: [],
  damaged: false,
  ...rest,
});

describe('a start with batch N and position M', () => {
  it.each([
    ['first-start', batch(0n), undefined],
    ['go-on', batch(0n), 0n],
    ['go-on', batch(7n), 7n],
    ['go-on', batch(7n, { settled: true }), 7n],
    ['go-on', batch(7n, { damaged: true }), 7n],
    ['resend', batch(1n), 0n],
    ['resend', batch(7n), 6n],
  ])('%s', (kind, current, position) => {
    expect(compare(current, position)).toEqual({ kind });
  });

  it.each([
    ['the broker was replaced or has lost the position', batch(7n), undefined, 'no position'],
    ['the first batch was written and the broker has no position', batch(1n), undefined, 'no position'],
    ['the store was restored', batch(7n), 8n, 'ahead of the store'],
    ['the store was replaced by an empty one', batch(0n), 3n, 'ahead of the store'],
    ['the broker was restored', batch(7n), 5n, 'behind the store'],
    ['the broker lost the last transaction, which it had acknowledged', batch(7n, { settled: true }), 6n, 'lost the last batch'],
    ['the rows of the batch to be sent again are gone', batch(7n, { damaged: true }), 6n, 'does not hold all'],
  ])('halts: %s', (_, current, position, why) => {
    const closesStore = why === 'ahead of the store';
    expect(compare(current, position)).toEqual({ kind: 'halt', why: expect.stringContaining(why), closesStore });
  });
});
