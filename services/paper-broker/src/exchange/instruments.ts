import { compare, decimal, type Decimal } from '@tradecore/money';
import type { FaultKind } from './faults.ts';

/** A tradable instrument. */
export interface Instrument {
  readonly symbol: string;
  readonly name: string;
  readonly exchange: 'NASDAQ' | 'NYSE' | 'ARCA';
  /** Its first price. */
  readonly close: Decimal;
  /** The day of that price. */
  readonly closedOn: string;
  /** Quantities are multiples of the lot: one share, or the smallest fraction of one. */
  readonly lot: Decimal;
  readonly halted: boolean;
  /** Every order in it has this fault. */
  readonly fault?: FaultKind;
}

/** Prices near this day's closes: starts of the walk, not quotations; only AAPL and MSFT were checked. */
const day = '2025-06-30';

const share = decimal('1');
const fraction = decimal('0.000000001');
const ticks = { cents: decimal('0.01'), belowOne: decimal('0.0001') };

/** Prices are multiples of the tick: one cent; below one dollar, a hundredth of a cent. */
export const tickAt = (price: Decimal): Decimal => (compare(price, share) < 0 ? ticks.belowOne : ticks.cents);

/** Whether it can be traded in fractions of a share. */
export const isFractionable = ({ lot }: Instrument): boolean => compare(lot, share) < 0;

/** Partial fills are multiples of this: whole shares; the last fill takes the fraction. */
export const fillLot = (instrument: Instrument): Decimal => (isFractionable(instrument) ? share : instrument.lot);

const listed = (symbol: string, name: string, exchange: Instrument['exchange'], close: string): Instrument => ({
  symbol,
  name,
  exchange,
  close: decimal(close),
  closedOn: day,
  lot: fraction,
  halted: false,
});

/** A fictitious instrument, traded in whole shares. */
const madeUp = (symbol: string, name: string, close: string): Instrument => ({
  ...listed(symbol, `${name} (made up)`, 'NYSE', close),
  lot: share,
});

/** A fictitious stock at 10.00 whose every order has a fault. */
const trap = (suffix: string, fault: FaultKind): Instrument => ({
  ...madeUp(`ACME.${suffix}`, `Acme, every order: ${fault}`, '10'),
  fault,
});

/** The default listing of the paper broker. */
export const listing: readonly Instrument[] = [
  listed('AAPL', 'Apple Inc.', 'NASDAQ', '205.17'),
  listed('AMD', 'Advanced Micro Devices, Inc.', 'NASDAQ', '141.90'),
  listed('AMZN', 'Amazon.com, Inc.', 'NASDAQ', '219.39'),
  listed('BAC', 'Bank of America Corporation', 'NYSE', '47.32'),
  listed('COST', 'Costco Wholesale Corporation', 'NASDAQ', '989.94'),
  listed('CVX', 'Chevron Corporation', 'NYSE', '143.19'),
  listed('DIS', 'The Walt Disney Company', 'NYSE', '124.01'),
  listed('GOOGL', 'Alphabet Inc. Class A', 'NASDAQ', '176.23'),
  listed('INTC', 'Intel Corporation', 'NASDAQ', '22.40'),
  listed('JNJ', 'Johnson & Johnson', 'NYSE', '152.75'),
  listed('JPM', 'JPMorgan Chase & Co.', 'NYSE', '289.91'),
  listed('KO', 'The Coca-Cola Company', 'NYSE', '70.75'),
  listed('MA', 'Mastercard Incorporated', 'NYSE', '561.94'),
  listed('META', 'Meta Platforms, Inc. Class A', 'NASDAQ', '738.09'),
  listed('MSFT', 'Microsoft Corporation', 'NASDAQ', '497.41'),
  listed('NFLX', 'Netflix, Inc.', 'NASDAQ', '1339.13'),
  listed('NVDA', 'NVIDIA Corporation', 'NASDAQ', '157.99'),
  listed('PG', 'The Procter & Gamble Company', 'NYSE', '159.32'),
  listed('QQQ', 'Invesco QQQ Trust', 'NASDAQ', '551.64'),
  listed('SPY', 'SPDR S&P 500 ETF Trust', 'ARCA', '617.85'),
  listed('TSLA', 'Tesla, Inc.', 'NASDAQ', '317.66'),
  listed('WMT', 'Walmart Inc.', 'NYSE', '97.78'),
  listed('XOM', 'Exxon Mobil Corporation', 'NYSE', '107.80'),
  madeUp('ACME', 'Acme Corporation', '100'),
  { ...madeUp('HALT', 'Halted Corporation', '50'), halted: true },
  trap('TIMEOUT', 'timeout-after-accept'),
  trap('500', '500-after-accept'),
  trap('SLOW', 'slow'),
  trap('EARLY', 'fill-before-ack'),
  trap('RACE', 'partial-then-cancel-race'),
  trap('LATE', 'fill-after-cancel'),
  trap('DUPE', 'duplicate-updates'),
  trap('SHUFFLE', 'out-of-order-updates'),
];
