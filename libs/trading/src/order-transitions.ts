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
 * What an event means in a state. `move`: to this status. `rest`: to where it rests by its figures (`restOf`). `stay`: recorded, the status
 * stays. `ignore`: what was told changes nothing and is answered so. `refuse`: what a client requests is refused.
 */
export type Transition =
  | { readonly act: 'move'; readonly to: OrdStatus }
  | { readonly act: 'rest' }
  | { readonly act: 'stay'; readonly why: string }
  | { readonly act: 'ignore'; readonly why: string }
  | { readonly act: 'refuse'; readonly code: RefusalCode; readonly why: string };

/** One event in every state: a state that is missing does not compile. */
export type Row = Readonly<Record<OrdStatus, Transition>>;

/** A row of what the saga tells: facts are never refused. */
export type AppliedRow = Readonly<Record<OrdStatus, Exclude<Transition, { readonly act: 'refuse' }>>>;

export const move = (to: OrdStatus) => ({ act: 'move', to }) as const;
export const rest = { act: 'rest' } as const;
export const stay = (why: string) => ({ act: 'stay', why }) as const;
export const ignore = (why: string) => ({ act: 'ignore', why }) as const;
export const refuse = (code: RefusalCode, why: string) => ({ act: 'refuse', code, why }) as const;
