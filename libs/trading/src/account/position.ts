import type { FillSettled } from '@tradecore/events';
import {
  add,
  compare,
  decimal,
  divide,
  isNegative,
  isPositive,
  negate,
  proportion,
  smaller,
  subtract,
  zero,
  type Decimal,
} from '@tradecore/money';

/**
 * What an account holds of one symbol, at average cost. All are canonical decimals; money is in the account's currency.
 */
export interface Position {
  /** Signed: below zero only if the brokerage sold shares that the account did not have. */
  readonly quantity: string;
  /** Cost of the shares held, fees included; negative for a short position (its proceeds). */
  readonly costBasis: string;
  /** Profit of the shares sold: proceeds after fees less their cost. Negative is a loss. */
  readonly realised: string;
}

/** No shares, no profit. */
export const noPosition: Position = { quantity: '0', costBasis: '0', realised: '0' };

/** The part of a fill that changes a position: data of `FillSettled` and `FillReversed`. */
export type PositionFill = Pick<FillSettled['data'], 'side' | 'quantity' | 'notional' | 'fee'>;

/**
 * The position after a fill. A buy adds its notional and fee to the cost; a sell takes out the average cost of the
 * shares sold and realises notional less fee less that cost. `cash + cost of positions - realised` always equals
 * deposits less withdrawals.
 */
export function positionAfter(position: Position, fill: PositionFill): Position {
  const held = decimal(position.quantity);
  const traded = fill.side === 'buy' ? decimal(fill.quantity) : negate(decimal(fill.quantity));
  const cost = costOfTrade(fill);
  const closing = closedBy(held, traded);
  const basis = decimal(position.costBasis);
  const closingCost = proportion(cost, closing, sizeOf(traded), 'halfEven');
  const closedBasis = closing === zero ? zero : proportion(basis, closing, sizeOf(held), 'halfEven');
  return {
    quantity: add(held, traded),
    costBasis: add(subtract(basis, closedBasis), subtract(cost, closingCost)),
    realised: subtract(decimal(position.realised), add(closedBasis, closingCost)),
  };
}

/**
 * The position after a booked execution is taken back. For shares that the trade opened, its own cost is removed, and
 * any cost left at zero shares is realised. Shares that it closed come back at the current average cost, or at their
 * own proceeds if none are held, and the difference is realised. The identity of `positionAfter` holds. Without another
 * trade in between, and unless the trade closed the position, the result is as if it had never happened, up to the
 * rounding of the average cost.
 */
export function positionWithout(position: Position, fill: PositionFill): Position {
  const held = decimal(position.quantity);
  const traded = fill.side === 'buy' ? decimal(fill.quantity) : negate(decimal(fill.quantity));
  const own = costOfTrade(fill);
  const basis = decimal(position.costBasis);
  const realised = decimal(position.realised);
  const quantity = subtract(held, traded);
  if (held === zero) return { quantity, costBasis: negate(own), realised };
  if (isPositive(held) === isPositive(traded)) {
    const left = subtract(basis, own);
    return quantity === zero
      ? { quantity, costBasis: zero, realised: subtract(realised, left) }
      : { quantity, costBasis: left, realised };
  }
  const back = proportion(basis, sizeOf(traded), sizeOf(held), 'halfEven');
  return { quantity, costBasis: add(basis, back), realised: add(realised, add(own, back)) };
}

/** Cost of the traded shares: positive for a buy (money out), negative for a sell (money in). */
const costOfTrade = ({ side, notional, fee }: PositionFill): Decimal =>
  side === 'buy' ? add(decimal(notional), decimal(fee)) : subtract(decimal(fee), decimal(notional));

/** Cost of one share held, rounded to 9 places, half to even; undefined if none are held. */
export const averageCost = ({ quantity, costBasis }: Position): Decimal | undefined =>
  quantity === '0' ? undefined : divide(decimal(costBasis), decimal(quantity), 'halfEven');

/** Profit of selling all shares at this price, before fees; rounded down. */
export const unrealised = ({ quantity, costBasis }: Position, price: string): Decimal =>
  subtract(proportion(decimal(quantity), decimal(price), decimal('1'), 'down'), decimal(costBasis));

/** How many of the shares held an opposite trade closes. */
const closedBy = (held: Decimal, traded: Decimal): Decimal =>
  (isPositive(held) && isNegative(traded)) || (isNegative(held) && isPositive(traded))
    ? smaller(sizeOf(held), sizeOf(traded))
    : zero;

const sizeOf = (value: Decimal): Decimal => (compare(value, zero) < 0 ? negate(value) : value);
