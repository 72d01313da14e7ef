import { event } from './event.ts';
import type { Execution, OrderTerms, Value } from './orders.ts';

/**
 * The books of an account, for money and for shares alike. `available` and `reserved` are the client's; `outside` is where deposits come
 * from, `market` the other side of every trade, `fees` what we earn. Over all five, each unit sums to zero at any moment.
 */
export const books = ['available', 'reserved', 'outside', 'market', 'fees'] as const;

/** One line of a double entry. `unit` is a currency (`USD`) or a symbol, kept apart by `kind`: there is a share called USD. */
export interface Posting {
  readonly book: (typeof books)[number];
  readonly kind: 'currency' | 'symbol';
  readonly unit: string;
  /** Signed canonical decimal: positive comes in, negative goes out. */
  readonly amount: string;
}

/** What is reserved for one order: for a buy money, for a sell shares. */
export interface Reservation {
  readonly orderId: string;
  readonly symbol: string;
  readonly side: OrderTerms['side'];
  /** Shares that are still to be traded; while a replace waits the larger of both quantities. */
  readonly quantity: string;
  /** Price a share at which a buy is reserved, the dearer one while a replace waits; for a sell what it was valued at. */
  readonly unitPrice: string;
  /** What is reserved: money for a buy, shares for a sell. */
  readonly amount: string;
}

/** A movement of money or shares: its lines sum to zero for each unit. */
export interface Posted {
  readonly postings: readonly Posting[];
}

/** An account exists from now on. `owner` is the `sub` of whoever opened it. */
export class AccountOpened extends event('AccountOpened', 1)<{
  readonly owner: string;
  readonly currency: string;
  readonly name?: string;
}> {}

/** What a caller may do: see accounts, trade, take money out. Named by tokens and by grants. */
export const accessScopes = ['read', 'trade', 'transfer'] as const;
/** One of them. */
export type AccessScope = (typeof accessScopes)[number];

/** An operator let another subject use the account, for `scopes`: these alone from now on. */
export class AccountAccessGranted extends event('AccountAccessGranted', 2)<{
  readonly subject: string;
  readonly scopes: readonly AccessScope[];
}> {}

/** An operator took that back. */
export class AccountAccessRevoked extends event('AccountAccessRevoked', 1)<{ readonly subject: string }> {}

/** Money came in. */
export class FundsDeposited extends event('FundsDeposited', 1)<
  Posted & { readonly amount: string; readonly reference?: string }
> {}

/** Money went out. */
export class FundsWithdrawn extends event('FundsWithdrawn', 1)<
  Posted & { readonly amount: string; readonly reference?: string }
> {}

/** Money or shares are reserved for an order. */
export class ReservationMade extends event('ReservationMade', 1)<Posted & Reservation> {}

/** More or less is reserved for an order: the whole reservation as it is now. */
export class ReservationChanged extends event('ReservationChanged', 1)<Posted & Reservation> {}

/** What was left of an order's reservation is free again. */
export class ReservationReleased extends event('ReservationReleased', 1)<
  Posted & { readonly orderId: string; readonly amount: string }
> {}

/** An execution as it is booked, and what is reserved for its order from then on. */
interface Booking extends Posted, Execution, Value {
  readonly orderId: string;
  readonly symbol: string;
  readonly side: OrderTerms['side'];
  /** What is still reserved for the order; absent when nothing is. */
  readonly reservation?: Reservation;
}

/** An execution is booked: shares against money, and the fee. */
export class FillSettled extends event('FillSettled', 1)<Booking> {}

/** A booked execution is taken back, with the notional and fee that were booked. A correction is this and a new `FillSettled` in one save. */
export class FillReversed extends event('FillReversed', 1)<Booking> {}

/** Every event of an Account. */
export type AccountEvent =
  | AccountOpened
  | AccountAccessGranted
  | AccountAccessRevoked
  | FundsDeposited
  | FundsWithdrawn
  | ReservationMade
  | ReservationChanged
  | ReservationReleased
  | FillSettled
  | FillReversed;
