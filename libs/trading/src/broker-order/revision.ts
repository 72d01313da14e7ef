import type { BrokerOrderLapsed, RevisionTerms } from '@tradecore/events';
import { compare, decimal } from '@tradecore/money';
import type { BrokerOrder } from './broker-order.aggregate.ts';
import type { BrokerageAnswer, BrokerageExecution, BrokerageOrder, BrokerageUpdate } from './brokerage-replies.ts';

/**
 * What a worker remembers of a revision between two calls; stored with its row and lost with it. Times are RFC 3339.
 */
export interface RevisionState {
  /** When the call that sends it was last made, or may have been made; absent: certainly never. */
  readonly sentAt?: string;
  /** When the brokerage last said that it has no such order; reset by each new call. */
  readonly absentAt?: string;
  /**
   * Calls that may have sent it; calls and look-ups without an outcome; successive calls that certainly did nothing.
   */
  readonly sends?: number;
  readonly tries?: number;
  readonly waits?: number;
  /** The brokerage answered the last call with the order; its decision shows later. */
  readonly isTaken?: boolean;
  /** The brokerage refused a call after one whose outcome is unknown. */
  readonly refusal?: { readonly code: string; readonly reason: string };
  /** When the brokerage took the request to cancel it; why it refused. */
  readonly cancelSentAt?: string;
  readonly cancelRefused?: string;
  /** The previous revision is being cancelled to make room; when the brokerage took that request. */
  readonly makesRoom?: boolean;
  readonly roomRequestedAt?: string;
  /** Its executions must be compared with the brokerage's list; the differences of the last comparison. */
  readonly list?: boolean;
  readonly suspects?: Readonly<Record<string, string>>;
}

/** Everything that a decision about a revision needs. */
export interface Revision {
  /** With `openedBy`, so that it knows the requested terms. */
  readonly order: BrokerOrder;
  /** The BrokerOrder that it replaces, with its cancels; present if its terms say `replaces`. */
  readonly replaced?: Pick<Revision, 'order' | 'cancels'>;
  /** Command ids of its stored `CancelBrokerOrder` steps, oldest first, answered or not. */
  readonly cancels: readonly string[];
  readonly state: RevisionState;
}

/** The properties of a brokerage, and our patience. */
export interface RevisionRules {
  /** A replaced order's fills count as the replacement's. If not, a replace is a cancel and a submit of the rest. */
  readonly replaceCarriesFills: boolean;
  /** "No such order" proves something only this long after the call; milliseconds. */
  readonly graceMs: number;
  /** An order that was sent and is not there is given up only this long after the call; milliseconds. */
  readonly quarantineMs: number;
  /** Calls and look-ups without an outcome before an operator has to look. */
  readonly tries: number;
}

/** Facts at this moment besides the revision. */
export interface RevisionFacts {
  /** RFC 3339. */
  readonly now: string;
  /** Last price of the symbol; absent if not known yet. */
  readonly lastPrice?: string;
  /** New orders are refused, for all accounts or for this one. */
  readonly isHalted?: boolean;
}

/** Why a revision that is not at the brokerage is not sent. */
export type Obstacle =
  | { readonly kind: 'canceled'; readonly commandId: string }
  | { readonly kind: 'lapsed'; readonly reason: BrokerOrderLapsed['data']['reason']; readonly lastPrice?: string }
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string };

/**
 * An order that was looked up. `executions`: all that the brokerage lists, read after the order; present if `wants`
 * asked for them.
 */
export interface LookedUp {
  readonly answer: BrokerageAnswer;
  readonly executions?: readonly BrokerageExecution[];
}

/** The reply to a call that changes something; `at`: when it was made. */
export interface CallReply<Call extends 'submit' | 'replace' | 'cancel' | 'make-room'> {
  readonly of: Call;
  readonly answer: BrokerageAnswer;
  readonly at: string;
}

/** A reply to interpret. */
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
      /** The BrokerOrder that replaced it there. `isComing`: it is ours, and its own reply will settle both. */
      readonly successor?: { readonly brokerOrderId: string; readonly isComing: boolean };
    }
  /** From the stream: possibly late or repeated. */
  | { readonly of: 'stream'; readonly update: BrokerageUpdate }
  /** From the brokerage's lists of orders and executions: current, but possibly incomplete. */
  | { readonly of: 'list'; readonly order: BrokerageOrder; readonly executions: readonly BrokerageExecution[] }
  /** No call was made. */
  | { readonly of: 'obstacle'; readonly obstacle: Obstacle }
  | { readonly of: 'room-wanted' };

/**
 * The outcome. `again`: `done`: nothing is open, its rows are removed; `when-asked`: the brokerage works it; otherwise
 * milliseconds until its next step. For `stream` and `list`, which a process without the row may receive, a number
 * requests the row, and `state` is merged into the row's.
 */
export interface Interpretation {
  readonly state: RevisionState;
  readonly again: 'done' | 'when-asked' | number;
  /**
   * Its traded quantity changed after it was cancelled: the replacement was sent with another rest. Requests a row for
   * the replacement.
   */
  readonly tradedLate?: boolean;
}

/** The next step of a revision. */
export type NextStep =
  /** It has ended, and every step is answered. */
  | { readonly do: 'nothing' }
  | { readonly do: 'wait'; readonly ms: number }
  /** No call is needed. */
  | { readonly do: 'interpret'; readonly reply: Extract<Reply, { of: 'obstacle' | 'room-wanted' }> }
  /** `terms.quantity` is the quantity to send: the rest, for a replacement that counts from zero. */
  | { readonly do: 'submit'; readonly terms: RevisionTerms }
  | { readonly do: 'replace'; readonly brokerageOrderId: string; readonly terms: RevisionTerms }
  | { readonly do: 'cancel'; readonly brokerageOrderId: string }
  /** Cancels the revision that it replaces. */
  | { readonly do: 'make-room'; readonly brokerageOrderId: string }
  /**
   * Looks up its own order by its id, the replaced one by the brokerage's id. `list`: with all executions, whatever
   * `wants` says.
   */
  | { readonly do: 'look-up'; readonly own: boolean; readonly replaced?: string; readonly list: boolean };

/** What to remember after a reply, and how long to rest; if absent, the state of the revision decides. */
export interface Outcome {
  readonly state: RevisionState;
  readonly againMs?: number;
}

/** More may trade than the client requested: the previous order, whose rest it was sent with, has traded more since. */
export const isExcessive = ({ order, replaced }: Pick<Revision, 'order' | 'replaced'>): boolean =>
  order.progress === 'working' &&
  order.countsFromZero &&
  replaced !== undefined &&
  compare(decimal(replaced.order.filledQuantity), decimal(order.carriedQuantity)) > 0;

/**
 * All that was sent has traded, but not the whole order: part of the previous order, whose rest it was sent with, was
 * taken back since.
 */
export const isShort = ({ order, replaced }: Pick<Revision, 'order' | 'replaced'>): boolean =>
  order.progress === 'filled' &&
  order.countsFromZero &&
  replaced !== undefined &&
  compare(decimal(replaced.order.filledQuantity), decimal(order.carriedQuantity)) < 0;

/** Whether to cancel it at the brokerage: a step requests it, it should not be there, or it is too large. */
export const isToCancel = (revision: Revision): boolean =>
  revision.order.progress === 'working' &&
  (openCancels(revision).length > 0 || revision.order.mustCancel || isExcessive(revision));

/** Cancels without an answer. */
export const openCancels = ({ order, cancels }: Pick<Revision, 'order' | 'cancels'>): readonly string[] =>
  cancels.filter((commandId) => !order.hasAnswered(commandId));

/** The rest after this many attempts: doubles each time, and differs between orders to spread the load. */
export function restMs(id: string, attempts: number, baseMs: number): number {
  const full = Math.min(15_000, baseMs * 2 ** Math.min(Math.max(attempts, 1) - 1, 20));
  return Math.round(full * (0.5 + (Number.parseInt(id.slice(-4), 16) || 0) / 0x1ffff));
}

/** A worker was interrupted, or the row was recreated: a call with an unknown outcome may have been made. */
export const interrupted = (state: RevisionState, now: string): RevisionState => {
  const { absentAt: _, isTaken: __, ...rest } = state;
  return { ...rest, sentAt: now, sends: (state.sends ?? 0) + 1 };
};
