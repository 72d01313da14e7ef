import type { BrokerOrderLapsed, RevisionTerms } from '@tradecore/events';
import { compare, decimal } from '@tradecore/money';
import type { BrokerOrder } from './broker-order.aggregate.ts';
import type { BrokerageAnswer, BrokerageExecution, BrokerageOrder, BrokerageUpdate } from './brokerage-replies.ts';

/** What a worker remembers of a revision between two calls; kept beside its row, lost with it. Times are RFC 3339. */
export interface RevisionState {
  /** When the call that brings it to the brokerage was last made, or may have been made; absent: never, surely. */
  readonly sentAt?: string;
  /** When the brokerage last said that it has no such order; goes with each new call. */
  readonly absentAt?: string;
  /** Calls that may have brought it there; calls and look-ups without an outcome; calls in a row that surely did nothing. */
  readonly sends?: number;
  readonly tries?: number;
  readonly waits?: number;
  /** The brokerage answered the last call with the order: what it does with it shows later. */
  readonly isTaken?: boolean;
  /** The brokerage refused a call after one whose outcome is not known. */
  readonly refusal?: { readonly code: string; readonly reason: string };
  /** When the brokerage took the request to cancel it; why it refused to. */
  readonly cancelSentAt?: string;
  readonly cancelRefused?: string;
  /** The revision before it is cancelled to make room for it; when the brokerage took that request. */
  readonly makesRoom?: boolean;
  readonly roomRequestedAt?: string;
  /** Its executions are to be compared with the brokerage's list; what differed when that was last done. */
  readonly list?: boolean;
  readonly suspects?: Readonly<Record<string, string>>;
}

/** All that a decision about a revision needs. */
export interface Revision {
  /** With `openedBy`, so that it knows what was asked for. */
  readonly order: BrokerOrder;
  /** The BrokerOrder that it replaces, and the cancels of that; present where its terms say `replaces`. */
  readonly replaced?: Pick<Revision, 'order' | 'cancels'>;
  /** Command ids of the `CancelBrokerOrder` steps that are stored for it, oldest first, answered or not. */
  readonly cancels: readonly string[];
  readonly state: RevisionState;
}

/** What holds for a brokerage, and how patient we are. */
export interface RevisionRules {
  /** A replaced order's fills count as the replacement's. Where not, a replace is a cancel and a submit of the rest. */
  readonly replaceCarriesFills: boolean;
  /** "No such order" proves something only this long after the call; milliseconds. */
  readonly graceMs: number;
  /** An order that was sent and is not there is given up only this long after the call; milliseconds. */
  readonly quarantineMs: number;
  /** Calls and look-ups without an outcome until somebody has to look. */
  readonly tries: number;
}

/** What is known at this moment beside the revision. */
export interface RevisionFacts {
  /** RFC 3339. */
  readonly now: string;
  /** Last price of the symbol; absent: not known yet. */
  readonly lastPrice?: string;
  /** New orders are refused, for all or for this account. */
  readonly isHalted?: boolean;
}

/** Why a revision that is not at the brokerage is not sent. */
export type Obstacle =
  | { readonly kind: 'canceled'; readonly commandId: string }
  | { readonly kind: 'lapsed'; readonly reason: BrokerOrderLapsed['data']['reason']; readonly lastPrice?: string }
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string };

/** An order that was looked up. `executions`: all of it that the brokerage lists, read after the order; present where `wants` said so. */
export interface LookedUp {
  readonly answer: BrokerageAnswer;
  readonly executions?: readonly BrokerageExecution[];
}

/** The reply of a call that changes something; `at`: when it was made. */
export interface CallReply<Call extends 'submit' | 'replace' | 'cancel' | 'make-room'> {
  readonly of: Call;
  readonly answer: BrokerageAnswer;
  readonly at: string;
}

/** What is to be interpreted. */
export type Reply =
  | CallReply<'submit'>
  | CallReply<'replace'>
  | CallReply<'cancel'>
  | CallReply<'make-room'>
  | {
      readonly of: 'look-up';
      /** The revision's own order. */
      readonly own?: LookedUp;
      /** The order of the revision that it replaces. */
      readonly replaced?: LookedUp;
      /** The BrokerOrder that took its place there. `isComing`: it is ours, and its own reply will settle both. */
      readonly successor?: { readonly brokerOrderId: string; readonly isComing: boolean };
    }
  /** Heard from the stream: it may be late or repeated. */
  | { readonly of: 'stream'; readonly update: BrokerageUpdate }
  /** Seen in the brokerage's lists of orders and executions: it is so now, but perhaps not all. */
  | { readonly of: 'list'; readonly order: BrokerageOrder; readonly executions: readonly BrokerageExecution[] }
  /** Nothing was called. */
  | { readonly of: 'obstacle'; readonly obstacle: Obstacle }
  | { readonly of: 'room-wanted' };

/**
 * What came of it. `again`: `done`: nothing is open, its rows go; `when-asked`: the brokerage works it; else milliseconds until its next step.
 * Of `stream` and `list`, which somebody else may hear than whoever has the row: a number asks for the row, and `state` is laid over the row's.
 */
export interface Interpretation {
  readonly state: RevisionState;
  readonly again: 'done' | 'when-asked' | number;
  /** What it has traded changed after it was cancelled: what took its place was sent with another rest. Asks for a row of what replaces it. */
  readonly tradedLate?: boolean;
}

/** What to do next for a revision. */
export type NextStep =
  /** It has ended, and every step is answered. */
  | { readonly do: 'nothing' }
  | { readonly do: 'wait'; readonly ms: number }
  /** No call is needed. */
  | { readonly do: 'interpret'; readonly reply: Extract<Reply, { of: 'obstacle' | 'room-wanted' }> }
  /** `terms.quantity` is what to send: of a replacement that counts from zero, the rest. */
  | { readonly do: 'submit'; readonly terms: RevisionTerms }
  | { readonly do: 'replace'; readonly brokerageOrderId: string; readonly terms: RevisionTerms }
  | { readonly do: 'cancel'; readonly brokerageOrderId: string }
  /** Cancels the revision that it replaces. */
  | { readonly do: 'make-room'; readonly brokerageOrderId: string }
  /** Looks up its own order by its id, the replaced one by the brokerage's id. `list`: with all executions, whatever `wants` says. */
  | { readonly do: 'look-up'; readonly own: boolean; readonly replaced?: string; readonly list: boolean };

/** What a reply leaves to be remembered, and how long to rest; when absent, the revision as it stands says. */
export interface Outcome {
  readonly state: RevisionState;
  readonly againMs?: number;
}

/** More may trade than the client asked for: the order before it, whose rest it was sent with, has traded once more since. */
export const isExcessive = ({ order, replaced }: Pick<Revision, 'order' | 'replaced'>): boolean =>
  order.progress === 'working' &&
  order.countsFromZero &&
  replaced !== undefined &&
  compare(decimal(replaced.order.filledQuantity), decimal(order.carriedQuantity)) > 0;

/** All that was sent has traded, and it is not whole: of the order before it, whose rest it was sent with, a part was taken back since. */
export const isShort = ({ order, replaced }: Pick<Revision, 'order' | 'replaced'>): boolean =>
  order.progress === 'filled' &&
  order.countsFromZero &&
  replaced !== undefined &&
  compare(decimal(replaced.order.filledQuantity), decimal(order.carriedQuantity)) < 0;

/** Whether it is to be cancelled at the brokerage: a step asks for it, or it should not be there, or not so much of it. */
export const isToCancel = (revision: Revision): boolean =>
  revision.order.progress === 'working' &&
  (openCancels(revision).length > 0 || revision.order.mustCancel || isExcessive(revision));

/** Open cancels: those without an answer. */
export const openCancels = ({ order, cancels }: Pick<Revision, 'order' | 'cancels'>): readonly string[] =>
  cancels.filter((commandId) => !order.hasAnswered(commandId));

/** How long to rest after so many attempts: doubles, and differs between orders, so that crowds disperse. */
export function restMs(id: string, attempts: number, baseMs: number): number {
  const full = Math.min(15_000, baseMs * 2 ** Math.min(Math.max(attempts, 1) - 1, 20));
  return Math.round(full * (0.5 + (Number.parseInt(id.slice(-4), 16) || 0) / 0x1ffff));
}

/** What was at work on it was interrupted, or its row was made anew: a call may have been made of which nothing is known. */
export const interrupted = (state: RevisionState, now: string): RevisionState => {
  const { absentAt: _, isTaken: __, ...rest } = state;
  return { ...rest, sentAt: now, sends: (state.sends ?? 0) + 1 };
};
