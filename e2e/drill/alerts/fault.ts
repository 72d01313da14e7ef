import type { WatchedFleet } from './watched-fleet.ts';

/** A fault that the local fleet can have, and what its page says to do. */
export interface Fault {
  /** In words, for the table. */
  readonly fault: string;
  /** What must fire, the first first. */
  readonly alerts: readonly string[];
  /** Those of them that stay for their window after the fault is over: a day. */
  readonly lasting?: readonly string[];
  /** Returns what the page says to do. */
  readonly inject: (fleet: WatchedFleet) => Promise<() => Promise<unknown>>;
}
