import type { IncomingMessage } from '@tradecore/messaging';
import type { ParkReason } from './projection-metrics.ts';

/** A record that differs from the store, and how. */
export interface ForeignRecord {
  readonly message: IncomingMessage;
  /** Of the event that it claims to be. */
  readonly id: string;
  readonly detail: string;
}

/** The outcome of some arrivals. Counted only after their transaction is committed. */
export class Outcome {
  /** Folded, ignored types included. */
  events = 0;
  duplicates = 0;
  /** Aggregates whose missing events were read from the store. */
  gaps = 0;
  readonly foreign: ForeignRecord[] = [];
  readonly parked: { readonly aggregateId: string; readonly reason: ParkReason }[] = [];
  /** The rows that changed, by key. */
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
