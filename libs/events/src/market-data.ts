/** One instrument and its last price: a record of `transport.market-data`, its key the symbol. */
export interface InstrumentQuote {
  readonly kind: 'instrument';
  readonly symbol: string;
  /** Canonical decimal; absent until it has traded. */
  readonly lastPrice?: string;
  /** When that price was set; RFC 3339. */
  readonly pricedAt?: string;
  /** Prices are multiples of this. */
  readonly tick: string;
  /** Prices below 1 are multiples of this instead, where the market has another tick for them. */
  readonly tickBelowOne?: string;
  /** Quantities are multiples of this. */
  readonly lot: string;
  readonly halted: boolean;
}

/** Whether the market is open: the record of `transport.market-data` under `sessionKey`. */
export interface MarketSession {
  readonly kind: 'session';
  readonly isOpen: boolean;
  /** RFC 3339. For a market that is always open the close is the end of the UTC day, when `day` orders end. */
  readonly nextOpen: string;
  readonly nextClose: string;
  readonly at: string;
}

/** Key of the session's record; no symbol can equal it. */
export const sessionKey = '$session';

/** What `transport.market-data` carries. */
export type MarketRecord = InstrumentQuote | MarketSession;
