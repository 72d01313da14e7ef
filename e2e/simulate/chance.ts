import { Random } from '@tradecore/paper-broker/exchange';

/** Seeded randomness, as the simulation uses it: the same seed always gives the same run. */
export class Chance extends Random {
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** True in `share` of the cases. */
  happens(share: number): boolean {
    return this.next() < share;
  }

  /** One of several. */
  pick<T>(values: readonly T[]): T {
    const picked = values[Math.floor(this.next() * values.length)];
    if (picked === undefined) throw new RangeError('nothing to pick from');
    return picked;
  }
}
