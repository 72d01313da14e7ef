import type { Decimal } from '@tradecore/money';
import { tickAt, type Instrument } from './instruments.ts';
import type { Random } from './random.ts';
import { Table } from './table.ts';

/** An instrument's price. */
export interface Quote {
  readonly symbol: string;
  readonly price: Decimal;
  /** When it was made; milliseconds since 1970. */
  readonly at: number;
  readonly halted: boolean;
  /** Rises by one with each price. */
  readonly sequence: number;
}

interface Listed extends Quote {
  /** Where the walk is drawn to: the close, or the price that somebody set. */
  readonly anchor: number;
}

/** Of the price at each step: the size of a usual step, and how much of the way back to its anchor it is drawn. */
const step = 0.0002;
const pull = 0.001;

/** A number of fixed places without its last zeros: canonical, and four times as fast as parsing it, which at each step of each price tells. */
const spelled = (fixed: string): Decimal => (fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed) as Decimal;

/** What is listed and what it costs: a seeded walk around the last closes. The floats are chance; prices are exact. */
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

  /** Sets a price, from which the walk goes on, or whether it is halted. False when there is no such symbol. */
  set(symbol: string, { price, halted }: { price?: Decimal; halted?: boolean }, now: number): boolean {
    const quote = this.quotes.get(symbol);
    if (!quote) return false;
    const priced = price !== undefined && { price, anchor: Number(price), at: now, sequence: quote.sequence + 1 };
    this.quotes.put(symbol, { ...quote, ...priced, ...(halted !== undefined && { halted }) });
    return true;
  }

  /** Every price was confirmed at this time: nothing moves, and yet it is not stale. */
  confirm(now: number): void {
    for (const quote of this.quotes.values()) this.quotes.put(quote.symbol, { ...quote, at: now, sequence: quote.sequence + 1 });
  }

  /** Moves every price that trades by one step. */
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
