import type { Decimal } from '@tradecore/money';
import { tickAt, type Instrument } from './instruments.ts';
import type { Random } from './random.ts';
import { Table } from './table.ts';

/** An instrument's price. */
export interface Quote {
  readonly symbol: string;
  readonly price: Decimal;
  /** Time of the price; milliseconds since 1970. */
  readonly at: number;
  readonly halted: boolean;
  /** Rises by one with each price. */
  readonly sequence: number;
}

interface Listed extends Quote {
  /** The price that the walk returns to: the close, or the price that was set. */
  readonly anchor: number;
}

/** As a fraction of the price: the size of a usual step, and the pull back to the anchor. */
const step = 0.0002;
const pull = 0.001;

/** Removes trailing zeros: canonical, and four times as fast as parsing, which matters at each step of each price. */
const spelled = (fixed: string): Decimal => (fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed) as Decimal;

/** The listed instruments and their prices: a seeded walk around the last closes. Random floats, exact prices. */
export class Market {
  readonly #instruments: ReadonlyMap<string, Instrument>;
  readonly quotes: Table<Listed>;

  constructor(
    listing: readonly Instrument[],
    private readonly random: Random,
    tracked: boolean,
  ) {
    this.#instruments = new Map(listing.map((each) => [each.symbol, each]));
    this.quotes = new Table('quotes', tracked);
    for (const { symbol, close, closedOn, halted } of listing) {
      const at = Date.parse(`${closedOn}T20:00:00Z`);
      this.quotes.put(symbol, { symbol, price: close, at, halted, sequence: 1, anchor: Number(close) });
    }
  }

  get instruments(): readonly Instrument[] {
    return [...this.#instruments.values()];
  }

  instrument(symbol: string): Instrument | undefined {
    return this.#instruments.get(symbol);
  }

  quote(symbol: string): Quote | undefined {
    return this.quotes.get(symbol);
  }

  /** Sets a price of a listed symbol, from which the walk continues, or the halt. */
  set(symbol: string, { price, halted }: { price?: Decimal; halted?: boolean }, now: number): void {
    const quote = this.quotes.get(symbol) as Listed;
    const priced = price !== undefined && { price, anchor: Number(price), at: now, sequence: quote.sequence + 1 };
    this.quotes.put(symbol, { ...quote, ...priced, ...(halted !== undefined && { halted }) });
  }

  /** Confirms every price at this time: nothing moves, but prices are not stale. */
  confirm(now: number): void {
    for (const quote of this.quotes.values()) this.quotes.put(quote.symbol, { ...quote, at: now, sequence: quote.sequence + 1 });
  }

  /** Moves every price that is not halted by one step. */
  walk(now: number): void {
    for (const quote of this.quotes.values()) {
      const chance = this.random.next() + this.random.next() + this.random.next() - 1.5;
      if (quote.halted) continue;
      const before = Number(quote.price);
      const after = before * (1 + chance * 2 * step) + (quote.anchor - before) * pull;
      const tick = tickAt(spelled(after.toFixed(9)));
      const ticks = Math.max(1, Math.round(after / Number(tick)));
      const price = spelled((ticks * Number(tick)).toFixed(tick.split('.')[1]?.length ?? 0));
      this.quotes.put(quote.symbol, { ...quote, price, at: now, sequence: quote.sequence + 1 });
    }
  }
}
