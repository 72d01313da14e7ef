import { event } from './event.ts';
import type { Execution, OrderTerms } from './orders.ts';

/**
 * The books of an account, for money and for shares alike. `available` and `reserved` are the client's; `outside` is where deposits come
 * from, `market` the other side of every trade, `fees` what we earn. Over all five, each unit sums to zero at any moment.
 */
export const books = ['available', 'reserved', 'outside', 'market', 'fees'] as const;

/** One line of a double entry. `unit` is a currency (`USD`) or a symbol, told apart by `kind`: there is a share called USD. */
export interface Posting {
  readonly book: (typeof books)[number];
  readonly kind: 'currency' | 'symbol';
  readonly unit: string;
  /** Signed canonical decimal: positive comes in, negative goes out. */
  readonly amount: string;
}

/** What is held back for one order. For a buy money: `quantity` at `unitPrice` and the fee; for a sell `quantity` shares. */
export interface Reservation {
  readonly orderId: string;
  readonly symbol: string;
  readonly side: OrderTerms['side'];
  /** Shares that are still to be traded. */
  readonly quantity: string;
  /** Price a share; for a sell, what it was valued at. */
  readonly unitPrice: string;
  /** What is held: money for a buy, shares for a sell. */
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

/** An operator let another subject use the account. */
export class AccountAccessGranted extends event('AccountAccessGranted', 1)<{ readonly subject: string }> {}

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

/** Money or shares are held back for an order. */
export class ReservationMade extends event('ReservationMade', 1)<Posted & Reservation> {}

/** The account has not what an order needs, or already told so: `needed` and `available` are money for a buy, shares for a sell. */
export class ReservationRefused extends event('ReservationRefused', 1)<{
  readonly orderId: string;
  readonly reason: 'insufficient-funds' | 'insufficient-shares';
  readonly needed: string;
  readonly available: string;
}> {}

/** More or less is held back for an order whose terms change; the whole reservation as it is now. */
export class ReservationChanged extends event('ReservationChanged', 1)<Posted & Reservation> {}

/** The account has not what the new terms need; the reservation stays as it was. */
export class ReservationChangeRefused extends event('ReservationChangeRefused', 1)<{
  readonly orderId: string;
  readonly reason: 'insufficient-funds' | 'insufficient-shares' | 'no-reservation';
  readonly needed: string;
  readonly available: string;
}> {}

/** What was left of a reservation is free again; `amount` is nought where there was nothing (left) to release. */
export class ReservationReleased extends event('ReservationReleased', 1)<
  Posted & { readonly orderId: string; readonly amount: string }
> {}

/** An execution is booked: shares against money, the fee, and what of the reservation it used up. */
export class FillSettled extends event('FillSettled', 1)<
  Posted &
    Execution & {
      readonly orderId: string;
      readonly symbol: string;
      readonly side: OrderTerms['side'];
      /** Quantity times price, rounded down to 9 places. */
      readonly notional: string;
      readonly fee: string;
      /** What is still held back for the order; absent when nothing is. */
      readonly reservation?: Reservation;
    }
> {}

/** An execution of an open order was asked to be booked a second time, by another command: nothing moves. */
export class FillAlreadySettled extends event('FillAlreadySettled', 1)<{
  readonly orderId: string;
  readonly executionId: string;
}> {}

/** Every event of an Account. */
export type AccountEvent =
  | AccountOpened
  | AccountAccessGranted
  | AccountAccessRevoked
  | FundsDeposited
  | FundsWithdrawn
  | ReservationMade
  | ReservationRefused
  | ReservationChanged
  | ReservationChangeRefused
  | ReservationReleased
  | FillSettled
  | FillAlreadySettled;
