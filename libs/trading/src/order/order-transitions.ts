import type { OrdStatus } from './order-status.ts';

/** The refusals of the state table, by their codes. */
export type RefusalCode =
  | 'order-already-placed'
  | 'order-already-decided'
  | 'cancel-already-requested'
  | 'order-not-cancelable'
  | 'replace-already-requested'
  | 'order-not-replaceable';

/**
 * The effect of an event in a state. `move`: to this status. `rest`: to where its figures put it (`restOf`).
 * `restProven`: the event proves that the brokerage has the order: it rests, unless a replace waits, because then the
 * replacement is the unknown one. `restEnded`: the rest of a filled order, which does not reopen. `stay`: recorded, the
 * status stays. `ignore`: not recorded, changes nothing. `refuse`: a client's request is refused.
 */
export type Transition =
  | { readonly act: 'move'; readonly to: OrdStatus }
  | { readonly act: 'rest' | 'restProven' | 'restEnded' }
  | { readonly act: 'stay'; readonly why: string }
  | { readonly act: 'ignore'; readonly why: string }
  | { readonly act: 'refuse'; readonly code: RefusalCode; readonly why: string };

/** One event in every state: a missing state does not compile. */
export type Row = Readonly<Record<OrdStatus, Transition>>;

/** A row of an event from the brokerage: facts are never refused. */
export type AppliedRow = Readonly<Record<OrdStatus, Exclude<Transition, { readonly act: 'refuse' }>>>;

export const move = (to: OrdStatus) => ({ act: 'move', to }) as const;
export const rest = { act: 'rest' } as const;
export const restProven = { act: 'restProven' } as const;
export const restEnded = { act: 'restEnded' } as const;
export const stay = (why: string) => ({ act: 'stay', why }) as const;
export const ignore = (why: string) => ({ act: 'ignore', why }) as const;
export const refuse = (code: RefusalCode, why: string) => ({ act: 'refuse', code, why }) as const;

/** The same transition in every end state. */
export const whenEnded = <T extends Transition>(transition: T) =>
  ({
    filled: transition,
    overfilled: transition,
    busted: transition,
    canceled: transition,
    rejected: transition,
    denied: transition,
    expired: transition,
  }) as const;

/** The same transition in every state in which the brokerage may still trade the order. */
export const whenOpen = <T extends Transition>(transition: T) =>
  ({
    pendingNew: transition,
    new: transition,
    partiallyFilled: transition,
    doneForDay: transition,
    pendingCancel: transition,
    pendingReplace: transition,
    suspended: transition,
    unknown: transition,
  }) as const;
