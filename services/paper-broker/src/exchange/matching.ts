import { compare, decimal, multiply, subtract, zero, type Decimal } from '@tradecore/money';
import type { Terms } from './checks.ts';
import type { Random } from './random.ts';
import { isOpen, type ExchangeOrder } from './exchange-order.ts';

/** A buy without a limit holds money for 4 % more than the price. */
const collar = decimal('1.04');

type Sized = Terms & Pick<ExchangeOrder, 'filledQty'>;

/** What is left to fill. */
export const leavesOf = ({ qty, filledQty }: Pick<ExchangeOrder, 'qty' | 'filledQty'>): Decimal => subtract(qty, filledQty);

/** What an open order with these terms holds: a sell, shares; a buy, money at its limit or beyond `last`. */
export function holdOf(order: Sized, last: Decimal): Decimal {
  const leaves = leavesOf(order);
  if (order.side === 'sell') return leaves;
  const price = order.limitPrice ?? multiply(order.stopPrice ?? last, collar, 'up');
  return multiply(leaves, price, 'up');
}

/** Whether the last price has met the order's stop price; always true without one. */
export function isTriggered({ stopPrice, side, triggered }: ExchangeOrder, last: Decimal): boolean {
  if (stopPrice === undefined || triggered) return true;
  return side === 'buy' ? compare(last, stopPrice) >= 0 : compare(last, stopPrice) <= 0;
}

/** Whether the order trades at the last price. */
export function isMarketable(order: ExchangeOrder, last: Decimal): boolean {
  if (!isTriggered(order, last)) return false;
  if (order.limitPrice === undefined) return true;
  return order.side === 'buy' ? compare(last, order.limitPrice) <= 0 : compare(last, order.limitPrice) >= 0;
}

/** Whole lots in a part (0 to 1) of what is left; zero if that is less than a lot. */
export function partOf(order: ExchangeOrder, part: number, lot: Decimal): Decimal {
  const lots = Math.floor((Number(leavesOf(order)) * part) / Number(lot));
  return lots < 1 ? zero : multiply(decimal(String(lots)), lot);
}

/** How much the market takes now: all, or with probability `partialFills` a part. */
export function sizeNow(
  order: ExchangeOrder,
  { random, partialFills, lot }: { random: Random; partialFills: number; lot: Decimal },
): Decimal {
  const leaves = leavesOf(order);
  if (order.timeInForce === 'fok' || partialFills === 0 || random.next() >= partialFills) return leaves;
  const part = partOf(order, 0.1 + 0.8 * random.next(), lot);
  return part === zero ? leaves : part;
}

/** Status of an open order without a pending request. */
export const restingStatus = ({ filledQty }: Pick<ExchangeOrder, 'filledQty'>): 'new' | 'partially_filled' =>
  filledQty === zero ? 'new' : 'partially_filled';

/** Status after a fill: a closed order stays as it is, and a pending cancel or replace stays pending. */
export function statusAfterFill(order: ExchangeOrder, filledQty: Decimal): ExchangeOrder['status'] {
  if (!isOpen(order)) return order.status;
  if (compare(filledQty, order.qty) === 0) return 'filled';
  return order.status === 'pending_cancel' || order.status === 'pending_replace' ? order.status : 'partially_filled';
}
