import { compare, decimal, zero, type Decimal } from '@tradecore/money';
import type { BrokerOrder } from '@tradecore/trading';

/** The status of an order at the brokerage, and how much of what total has traded. */
export interface End {
  readonly status: string;
  readonly filled: Decimal;
  readonly total: Decimal;
}

/** The end of an order as the gateway stored it. */
export const endHere = ({ progress, filledQuantity, terms }: BrokerOrder): End => ({
  status: progress,
  filled: decimal(filledQuantity),
  total: decimal(terms?.quantity ?? zero),
});

/**
 * Whether the gateway and the brokerage say the same of an order. One that traded in full after it was cancelled, or of
 * which a part was taken back after it was filled, is over under either name: the report heard first decides which.
 */
export const isSameEnd = (here: End, there: End): boolean =>
  here.status === there.status || (isDone(here) && isDone(there) && (isContradicted(here) || isContradicted(there)));

const isDone = ({ status }: End): boolean => status === 'filled' || status === 'canceled';

/** The figures say the other name. */
const isContradicted = ({ status, filled, total }: End): boolean => (status === 'filled') !== compare(filled, total) >= 0;
