import { Random } from '@tradecore/paper-broker/exchange';

/** Chance with a seed, and the ways in which the simulation asks for it: the same seed gives the same run for ever. */
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
