import type { Execution, FillReversed, FillSettled, Posting, Reservation, Value } from '@tradecore/events';
import {
  add,
  compare,
  decimal,
  decimalRefusal,
  InvalidDecimal,
  isPositive,
  negate,
  round,
  subtract,
  type Decimal,
} from '@tradecore/money';
import { InvalidAmount } from './account-errors.ts';
import { moneyPlaces, valueOf } from './fees.ts';
import { lines, money, shares, type Unit } from './ledger.ts';

/** Most money that one deposit or withdrawal moves: with it no sum of an account leaves the 19 digits of a decimal. */
export const maxMoneyAmount = decimal('1000000000000');

/** An execution, and whose it is; `booked` is what it was booked with, where that is known: a reversal takes back just that. */
export type Settlement = Execution & Pick<Reservation, 'orderId' | 'symbol' | 'side'> & { readonly booked?: Value };

/** What a booking frees of what is reserved for its order, and what is reserved then. */
export interface Use {
  readonly freed: Decimal;
  readonly reservation?: Reservation;
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

/** What is reserved for a side: money to buy with, or the shares to sell. */
export const unitOf = ({ side, symbol }: Pick<Reservation, 'side' | 'symbol'>, currency: string): Unit =>
  side === 'buy' ? money(currency) : shares(symbol);

/** The entry of an execution: shares against money and the fee; what it frees leaves what is reserved, the difference is available's. */
export function settlementOf(fill: Settlement, currency: string, { freed, reservation }: Use): FillSettled['data'] {
  const booking = bookingOf(fill);
  const postings = entryOf(booking, currency, freed, (amount) => amount);
  return { ...booking, ...(reservation && { reservation }), postings };
}

/** The same the other way round. */
export function reversalOf(fill: Settlement, currency: string, { freed, reservation }: Use): FillReversed['data'] {
  const booking = bookingOf(fill);
  const postings = entryOf(booking, currency, freed, negate);
  return { ...booking, ...(reservation && { reservation }), postings };
}

type Booking = Omit<FillSettled['data'], 'postings' | 'reservation'>;

function bookingOf({ orderId, executionId, executedAt, symbol, side, booked, ...figures }: Settlement): Booking {
  const [quantity, price] = [decimal(figures.quantity), decimal(figures.price)];
  return { orderId, executionId, executedAt, symbol, side, quantity, price, ...(booked ?? valueOf({ quantity, price })) };
}

/** The lines of a trade, `sign` turns them round; what is freed is not turned. */
function entryOf(booking: Booking, currency: string, freed: Decimal, sign: (amount: Decimal) => Decimal): Posting[] {
  const { side, symbol } = booking;
  const [quantity, notional, fee] = [booking.quantity, booking.notional, booking.fee].map((each) => sign(decimal(each))) as Three;
  if (side === 'buy') {
    const cost = { market: notional, fees: fee, available: subtract(freed, add(notional, fee)) };
    return [
      ...lines(money(currency), { reserved: negate(freed), ...cost }),
      ...lines(shares(symbol), { market: negate(quantity), available: quantity }),
    ];
  }
  return [
    ...lines(shares(symbol), { reserved: negate(freed), available: subtract(freed, quantity), market: quantity }),
    ...lines(money(currency), { market: negate(notional), fees: fee, available: subtract(notional, fee) }),
  ];
}

type Three = [Decimal, Decimal, Decimal];
