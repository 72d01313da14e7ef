import type { IncomingMessage } from '@tradecore/messaging';
import type { ParkReason } from './projection-metrics.ts';

/** A record that the store does not hold so, and what does not fit. */
export interface ForeignRecord {
  readonly message: IncomingMessage;
  /** Of the event that it says it is. */
  readonly id: string;
  readonly detail: string;
}

/** What became of some arrivals. Counted when their transaction is committed, not before. */
export class Outcome {
  /** Folded, ignored types included. */
  events = 0;
  duplicates = 0;
  /** Aggregates whose missing events were read from the store. */
  gaps = 0;
  readonly foreign: ForeignRecord[] = [];
  readonly parked: { readonly aggregateId: string; readonly reason: ParkReason }[] = [];
  /** The rows that changed, by their keys. */
  readonly rows = new Map<string, object>();

  add(other: Outcome): void {
    this.events += other.events;
    this.duplicates += other.duplicates;
    this.gaps += other.gaps;
    this.foreign.push(...other.foreign);
    this.parked.push(...other.parked);
    for (const [key, row] of other.rows) this.rows.set(key, row);
  }
}
