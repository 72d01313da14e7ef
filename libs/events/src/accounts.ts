import { event, type Written } from './event.ts';
import type { Execution, OrderTerms, Value } from './orders.ts';
import type { TextRef } from './texts.ts';

/**
 * The books of an account, for money and shares alike. `available` and `reserved` belong to the client; `outside` is
 * where deposits come from, `market` is the other side of every trade, `fees` is what we earn. Over all five, each unit
 * always sums to zero.
 */
export const books = ['available', 'reserved', 'outside', 'market', 'fees'] as const;

/**
 * One line of a double entry. `unit` is a currency (`USD`) or a symbol, distinguished by `kind`: there is a share
 * called USD.
 */
export interface Posting {
  readonly book: (typeof books)[number];
  readonly kind: 'currency' | 'symbol';
  readonly unit: string;
  /** Signed canonical decimal: positive comes in, negative goes out. */
  readonly amount: string;
}

/** The reservation for one order: money for a buy, shares for a sell. */
export interface Reservation {
  readonly orderId: string;
  readonly symbol: string;
  readonly side: OrderTerms['side'];
  /** Shares still to be traded; while a replace is pending, the larger of both quantities. */
  readonly quantity: string;
  /**
   * Price per share at which a buy is reserved, the higher one while a replace is pending; for a sell, the price it was
   * valued at.
   */
  readonly unitPrice: string;
  /** The reserved amount: money for a buy, shares for a sell. */
  readonly amount: string;
}

/** A movement of money or shares: its lines sum to zero for each unit. */
export interface Posted {
  readonly postings: readonly Posting[];
}

/** An account is opened. `owner` is the person who opened it. */
export class AccountOpened extends event('AccountOpened', 1)<{
  readonly owner: string;
  readonly currency: string;
  readonly name?: TextRef;
}> {}

/** What a caller may do: see accounts, trade, withdraw money. Named by tokens and by grants. */
export const accessScopes = ['read', 'trade', 'transfer'] as const;
/** One of them. */
export type AccessScope = (typeof accessScopes)[number];

/** An operator granted another person access to the account with `scopes`, which replace any earlier ones. */
export class AccountAccessGranted extends event('AccountAccessGranted', 2)<{
  readonly person: string;
  readonly scopes: readonly AccessScope[];
}> {}

/** An operator revoked the access. */
export class AccountAccessRevoked extends event('AccountAccessRevoked', 1)<{ readonly person: string }> {}

/** Money came in. */
export class FundsDeposited extends event('FundsDeposited', 1)<
  Posted & { readonly amount: string; readonly reference?: TextRef }
> {}

/** Money went out. */
export class FundsWithdrawn extends event('FundsWithdrawn', 1)<
  Posted & { readonly amount: string; readonly reference?: TextRef }
> {}

/** Money or shares are reserved for an order. */
export class ReservationMade extends event('ReservationMade', 1)<Posted & Reservation> {}

/** The reservation of an order grew or shrank: the whole new reservation. */
export class ReservationChanged extends event('ReservationChanged', 1)<Posted & Reservation> {}

/** The rest of an order's reservation was released. */
export class ReservationReleased extends event('ReservationReleased', 1)<
  Posted & { readonly orderId: string; readonly amount: string }
> {}

/** A booked execution, and what remains reserved for its order. */
interface Booking extends Posted, Execution, Value {
  readonly orderId: string;
  readonly symbol: string;
  readonly side: OrderTerms['side'];
  /** What is still reserved for the order; absent when nothing is. */
  readonly reservation?: Reservation;
}

/** An execution is booked: shares against money, and the fee. */
export class FillSettled extends event('FillSettled', 1)<Booking> {}

/**
 * A booked execution is reversed, with the notional and fee that were booked. A correction is this and a new
 * `FillSettled` in one save.
 */
export class FillReversed extends event('FillReversed', 1)<Booking> {}

/** The events of an Account, by the service that writes them. */
export const accountWriters = {
  'command-api': [
    AccountOpened,
    AccountAccessGranted,
    AccountAccessRevoked,
    FundsDeposited,
    FundsWithdrawn,
    ReservationMade,
    ReservationChanged,
  ],
  'order-saga': [ReservationChanged, ReservationReleased, FillSettled, FillReversed],
} as const;

/** Every event of an Account. */
export type AccountEvent = Written<typeof accountWriters>;
