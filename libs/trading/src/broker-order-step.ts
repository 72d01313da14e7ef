import { compare, decimal } from '@tradecore/money';
import type { BrokerOrder } from './broker-order.aggregate.ts';
import { millisecondsBetween } from './time.ts';

/** What is known beside the revision itself when its next step is decided. Times are RFC 3339. */
export interface RevisionFacts {
  readonly now: string;
  /** When the call that brings it to the broker was last made; absent: never, surely. */
  readonly sentAt?: string;
  /** When the broker last said that it has no such order; absent: it never did. */
  readonly absentAt?: string;
  /** Last price of the symbol. */
  readonly lastPrice?: string;
}

/** How long after a call its order may still appear at the broker, and when a call that brought nothing counts as over; in milliseconds. */
export interface RevisionPatience {
  /** "No such order" counts as a proof only this long after the call. */
  readonly graceMs: number;
  /** An order that was sent and is not there lapses or is withdrawn only this long after the call. */
  readonly quarantineMs: number;
}

/** What to do next for a revision. `wait`: nothing can be done until the price is known. */
export type RevisionStep =
  | { readonly do: 'nothing' }
  | { readonly do: 'watch' }
  | { readonly do: 'wait' }
  | { readonly do: 'submit' }
  | { readonly do: 'replace' }
  | { readonly do: 'cancel' }
  | { readonly do: 'look-up' }
  | { readonly do: 'withdraw' }
  | { readonly do: 'lapse'; readonly reason: 'time-in-force' | 'collar'; readonly lastPrice?: string };

/**
 * Decides the next step of a revision. What was sent is looked up until the broker shows it or surely has not got it; only then is it sent again,
 * under the same id, or given up because it is too late, too dear or no longer wanted.
 */
export function nextStep(revision: BrokerOrder, facts: RevisionFacts, patience: RevisionPatience): RevisionStep {
  if (!revision.isOpen) return { do: 'nothing' };
  if (revision.progress === 'working') return { do: revision.cancelRequested ? 'cancel' : 'watch' };
  return bringThere(revision, facts, patience);
}

/** The next step of a revision that nothing proves to be at the broker. */
function bringThere(revision: BrokerOrder, facts: RevisionFacts, patience: RevisionPatience): RevisionStep {
  if (facts.sentAt !== undefined && !absentFor(facts, patience.graceMs)) return { do: 'look-up' };
  const obstacle = obstacleTo(revision, facts);
  if (obstacle === undefined) return { do: revision.terms?.replaces === undefined ? 'submit' : 'replace' };
  if (facts.sentAt !== undefined && !absentFor(facts, patience.quarantineMs)) return { do: 'look-up' };
  return obstacle;
}

/** Whether the broker said, at least `ms` after the last call, that it has no such order. */
function absentFor({ sentAt, absentAt }: RevisionFacts, ms: number): boolean {
  return sentAt !== undefined && absentAt !== undefined && millisecondsBetween(sentAt, absentAt) >= ms;
}

/** Why a revision that is not at the broker is not sent. */
function obstacleTo(revision: BrokerOrder, { now, lastPrice }: RevisionFacts): RevisionStep | undefined {
  const { goodUntil, collarPrice, side } = revision.terms ?? {};
  if (revision.cancelRequested) return { do: 'withdraw' };
  if (goodUntil !== undefined && millisecondsBetween(goodUntil, now) > 0) return { do: 'lapse', reason: 'time-in-force' };
  if (collarPrice === undefined) return undefined;
  if (lastPrice === undefined) return { do: 'wait' };
  const beyond = compare(decimal(lastPrice), decimal(collarPrice));
  return (side === 'buy' ? beyond > 0 : beyond < 0) ? { do: 'lapse', reason: 'collar', lastPrice } : undefined;
}
