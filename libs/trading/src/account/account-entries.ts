import type { Execution, FillSettled, Posting, Reservation, Value } from '@tradecore/events';
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

/** Most money for one deposit or withdrawal: it keeps every sum of an account within 19 digits. */
const maxMoneyAmount = decimal('1000000000000');

/** An execution with its order. `booked` is the value booked for it, if known: a reversal takes back exactly that. */
export type Settlement = Execution & Pick<Reservation, 'orderId' | 'symbol' | 'side'> & { readonly booked?: Value };

/** What a booking frees of its order's reservation, and the reservation after it. */
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

/** What a side reserves: money for a buy, shares for a sell. */
export const unitOf = ({ side, symbol }: Pick<Reservation, 'side' | 'symbol'>, currency: string): Unit =>
  side === 'buy' ? money(currency) : shares(symbol);

type Sign = (amount: Decimal) => Decimal;
const same: Sign = (amount) => amount;

/**
 * The entry of an execution: shares against money and the fee. What it frees leaves `reserved`; `available` gets the
 * difference. `negate` as `sign` makes the reverse entry.
 */
export function bookingOf(fill: Settlement, currency: string, { freed, reservation }: Use, sign = same): FillSettled['data'] {
  const { orderId, executionId, executedAt, symbol, side, booked } = fill;
  const [quantity, price] = [decimal(fill.quantity), decimal(fill.price)];
  const value = booked ?? valueOf({ quantity, price });
  const booking = { orderId, executionId, executedAt, symbol, side, quantity, price, ...value };
  return { ...booking, ...(reservation && { reservation }), postings: entryOf(booking, currency, freed, sign) };
}

type Booking = Omit<FillSettled['data'], 'postings' | 'reservation'>;

/** The lines of a trade, each amount mapped by `sign`; the freed amount is not. */
function entryOf(booking: Booking, currency: string, freed: Decimal, sign: Sign): Posting[] {
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
