import { Injectable } from '@nestjs/common';

/** An aggregate that has a new event. */
export interface TouchedAggregate {
  readonly aggregateId: string;
  readonly aggregateType: string;
  /** Milliseconds since 1970: when its first event was read that is not looked at yet, and its last. */
  readonly first: number;
  last: number;
}

/** Remembered at most; of more the sweep finds what is wrong. */
const limit = 20_000;

/** Aggregates with events that no check has looked at. */
@Injectable()
export class Touched {
  readonly #waiting = new Map<string, TouchedAggregate>();

  add({ aggregateId, aggregateType }: Pick<TouchedAggregate, 'aggregateId' | 'aggregateType'>): void {
    const now = Date.now();
    const known = this.#waiting.get(aggregateId);
    if (known) known.last = now;
    else if (this.#waiting.size < limit) this.#waiting.set(aggregateId, { aggregateId, aggregateType, first: now, last: now });
  }

  /** Takes some that have been quiet for so long, or have waited for three times as long, the longest first. */
  take(quietMs: number, count: number): TouchedAggregate[] {
    const now = Date.now();
    const due: TouchedAggregate[] = [];
    for (const each of this.#waiting.values()) {
      if (due.length === count) break;
      if (now - each.last >= quietMs || now - each.first >= 3 * quietMs) due.push(each);
    }
    for (const { aggregateId } of due) this.#waiting.delete(aggregateId);
    return due;
  }
}
