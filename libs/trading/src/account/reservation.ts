import type { Reservation } from '@tradecore/events';
import { add, compare, decimal, larger, multiply, subtract, zero, type Decimal } from '@tradecore/money';
import { reservedFor, withFee } from './fees.ts';
import type { OrderState } from '../order/order-fold.ts';
import { isTerminal } from '../order/order-status.ts';

/**
 * The reservation of an order: an absolute figure computed from the order alone, so it can't drift. A buy reserves
 * money for its open shares, a sell reserves the shares. While a replace waits it is the worst case of both terms: the
 * new terms, or the old ones filled first and the rest at the new price. Undefined once the order has ended or nothing
 * is open.
 */
export function reservationOf(order: OrderState): Reservation | undefined {
  const { orderId, approval, requested, terms } = order;
  if (isTerminal(order.status) || !approval) return undefined;
  const { symbol, side } = terms;
  const [open, price] = [openOf(order, terms.quantity), decimal(approval.reservePrice)];
  if (!requested) return whole({ orderId, symbol, side }, open, price, amountOf(side, open, price));
  const [next, nextPrice] = [openOf(order, requested.quantity ?? terms.quantity), decimal(requested.reservePrice)];
  const quantity = larger(open, next);
  if (side === 'sell') return whole({ orderId, symbol, side }, quantity, price, quantity);
  const more = larger(subtract(next, open), zero);
  const oldFirst = withFee(add(multiply(open, price, 'up'), multiply(more, nextPrice, 'up')));
  const amount = larger(reservedFor(next, nextPrice), oldFirst);
  return whole({ orderId, symbol, side }, quantity, larger(price, nextPrice), amount);
}

const whole = (
  of: Pick<Reservation, 'orderId' | 'symbol' | 'side'>,
  quantity: Decimal,
  unitPrice: Decimal,
  amount: Decimal,
): Reservation | undefined => (quantity === zero ? undefined : { ...of, quantity, unitPrice, amount });

const amountOf = (side: Reservation['side'], quantity: Decimal, price: Decimal): Decimal =>
  side === 'buy' ? reservedFor(quantity, price) : quantity;

/** Shares still open under a total. */
function openOf({ filled }: OrderState, total: string): Decimal {
  const open = subtract(decimal(total), decimal(filled));
  return compare(open, zero) > 0 ? open : zero;
}
