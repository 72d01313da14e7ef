import type { Execution, FillSettled, Posting, Reservation } from '@tradecore/events';
import {
  add,
  compare,
  decimal,
  decimalRefusal,
  InvalidDecimal,
  isPositive,
  larger,
  negate,
  round,
  subtract,
  zero,
  type Decimal,
} from '@tradecore/money';
import { InvalidAmount } from './account-errors.ts';
import { feeOf, moneyPlaces, notionalOf, reservedFor } from './fees.ts';
import { lines, money, shares, type Unit } from './ledger.ts';

/** Most money that one deposit or withdrawal moves: with it no sum of an account leaves the 19 digits of a decimal. */
export const maxMoneyAmount = decimal('1000000000000');

/** What a reservation is made of before its amount is known. */
export type ReservationTerms = Omit<Reservation, 'amount'>;

/** An execution, and whose it is. */
export type Settlement = Execution & Pick<Reservation, 'orderId' | 'symbol' | 'side'>;

/** What an execution uses of a reservation, and what is left of it then. */
export interface Use {
  readonly used: Decimal;
  readonly left?: Reservation;
}

/** An amount that a client moves: positive, in whole cents. Throws `InvalidAmount`. */
export function moneyAmount(text: string): Decimal {
  const refusal = decimalRefusal(text);
  if (refusal) throw new InvalidAmount(refusal, new InvalidDecimal(refusal).message);
  const amount = decimal(text);
  if (!isPositive(amount)) throw new InvalidAmount('not-positive', 'must be greater than zero');
  if (round(amount, moneyPlaces, 'down') !== amount) throw new InvalidAmount('not-whole-cents', 'must be in whole cents');
  if (compare(amount, maxMoneyAmount) > 0) throw new InvalidAmount('too-large', `must be at most ${maxMoneyAmount}`);
  return amount;
}

/** What is held back for a side: money to buy with, or the shares to sell. */
export const unitOf = ({ side, symbol }: Pick<Reservation, 'side' | 'symbol'>, currency: string): Unit =>
  side === 'buy' ? money(currency) : shares(symbol);

/** How much of it open shares need. */
export const neededFor = ({ side, quantity, unitPrice }: Pick<Reservation, 'side' | 'quantity' | 'unitPrice'>): Decimal =>
  side === 'buy' ? reservedFor(decimal(quantity), decimal(unitPrice)) : decimal(quantity);

/** A fill of `quantity` leaves fewer shares open; what those need stays held, the rest is used. An overfill uses all. */
export function useOf(reservation: Reservation, quantity: string): Use {
  const open = larger(subtract(decimal(reservation.quantity), decimal(quantity)), zero);
  const left = { ...reservation, quantity: open };
  const amount = neededFor(left);
  return { used: subtract(decimal(reservation.amount), amount), ...(open !== zero && { left: { ...left, amount } }) };
}

/** The entry of an execution: shares against money and the fee; `used` leaves what is reserved, the difference is available's. */
export function settlementOf(fill: Settlement, currency: string, { used, left }: Use = { used: zero }): FillSettled['data'] {
  const { orderId, executionId, executedAt, symbol, side } = fill;
  const [quantity, price] = [decimal(fill.quantity), decimal(fill.price)];
  const notional = notionalOf(quantity, price);
  const fee = feeOf(notional);
  const figures = { quantity, notional, fee, used };
  const postings = side === 'buy' ? bought(symbol, currency, figures) : sold(symbol, currency, figures);
  const facts = { orderId, executionId, executedAt, symbol, side, quantity, price, notional, fee };
  return { ...facts, ...(left && { reservation: left }), postings };
}

type Figures = Readonly<Record<'quantity' | 'notional' | 'fee' | 'used', Decimal>>;

const bought = (symbol: string, currency: string, { quantity, notional, fee, used }: Figures): Posting[] => [
  ...lines(money(currency), {
    reserved: negate(used),
    market: notional,
    fees: fee,
    available: subtract(used, add(notional, fee)),
  }),
  ...lines(shares(symbol), { market: negate(quantity), available: quantity }),
];

const sold = (symbol: string, currency: string, { quantity, notional, fee, used }: Figures): Posting[] => [
  ...lines(shares(symbol), { reserved: negate(used), available: subtract(used, quantity), market: quantity }),
  ...lines(money(currency), { market: negate(notional), fees: fee, available: subtract(notional, fee) }),
];
