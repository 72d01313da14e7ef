import { Inject, Injectable } from '@nestjs/common';
import { DomainError } from '@tradecore/event-sourcing';
import type { InstrumentQuote, OrderTerms } from '@tradecore/events';
import { MarketData } from '@tradecore/market-data';
import { tokens, type Config } from '@tradecore/service';
import { counter, gauge, setWhenRead } from '@tradecore/telemetry';
import { millisecondsBetween, type Assessment, type RiskFacts, type Unpriced } from '@tradecore/trading';
import { z } from 'zod';

/** Settings of the rules. */
export const riskSettings = {
  /** A last price older than this, in milliseconds, is not used: an order that needs it is answered 503. */
  MAX_PRICE_AGE: z.coerce.number().int().min(1).max(86_400_000).default(60_000),
  /** How far beyond the last price, in percent, an order without a limit may trade, and for which money is reserved. */
  MARKET_COLLAR_PERCENT: z
    .string()
    .regex(/^(?:[1-9]\d?|0)(?:\.\d{1,4})?$/, 'must be a percentage from 0 to 99.9999')
    .default('5'),
};

const reasons = ['unread', 'session', 'price'] as const;
const read = gauge({
  name: 'tradecore_market_data_read',
  help: '1 once this process has read all market data; orders are answered 503 until then.',
});
const refusals = counter({
  name: 'tradecore_market_data_refusals_total',
  help: 'Orders and replaces answered 503 because market data was not read, had no current session, or had no recent price.',
  labels: { reason: reasons },
});

/** Rules that need no market data. */
const withoutMarket: readonly (string | undefined)[] = ['no-such-account', 'trading-halted'];

/** Whether the last price decided this: for a limit order only the collar, for a market order also its approval. */
const restsOnPrice = (assessment: Assessment | Unpriced, { type, limitPrice }: OrderTerms): boolean =>
  'denied' in assessment
    ? assessment.denied.rule === 'price-collar' || (limitPrice === undefined && assessment.denied.rule === 'max-order-value')
    : 'unpriced' in assessment || type === 'market';

const isOver = (session: RiskFacts['session'], now: string): boolean =>
  !session || millisecondsBetween(now, session.nextClose) <= 0;

type MarketSeen = Pick<RiskFacts, 'now' | 'quote' | 'session'>;
type Reason = (typeof reasons)[number];

/** The market data and the time that the rules need. */
@Injectable()
export class MarketFacts {
  constructor(
    @Inject(MarketData) private readonly marketData: MarketData,
    @Inject(tokens.config) private readonly config: Pick<Config<typeof riskSettings>, keyof typeof riskSettings>,
  ) {
    setWhenRead(read, () => {
      read.set(marketData.ready ? 1 : 0);
    });
  }

  /** The current facts for a symbol. */
  of(symbol: string): Omit<RiskFacts, 'accountExists' | 'controls'> {
    const quote = this.marketData.quote(symbol);
    const session = this.marketData.session();
    return {
      now: new Date().toISOString(),
      ...(quote && { quote }),
      ...(session && { session }),
      marketCollarPercent: this.config.MARKET_COLLAR_PERCENT,
    };
  }

  /** The result of the rules. Throws `PricesUnavailable` if it depends on missing or outdated market data. */
  borneOut(assessment: Assessment | Unpriced, terms: OrderTerms, facts: MarketSeen): Assessment {
    const reason = this.#doubt(assessment, terms, facts);
    if (!reason && !('unpriced' in assessment)) return assessment;
    refusals.inc({ reason: reason ?? 'price' });
    throw new PricesUnavailable(reason ?? 'price', terms, facts.quote);
  }

  #doubt(assessment: Assessment | Unpriced, terms: OrderTerms, { now, quote, session }: MarketSeen): Reason | undefined {
    const rule = 'denied' in assessment ? assessment.denied.rule : undefined;
    if (withoutMarket.includes(rule)) return undefined;
    // An empty topic is read at once and proves nothing: the gateway has not published yet.
    if (!this.marketData.ready || this.marketData.instruments === 0) return 'unread';
    if (rule === 'market-closed' && isOver(session, now)) return 'session';
    return restsOnPrice(assessment, terms) && !this.#isFresh(quote, now) ? 'price' : undefined;
  }

  #isFresh(quote: InstrumentQuote | undefined, now: string): boolean {
    return quote?.pricedAt !== undefined && millisecondsBetween(quote.pricedAt, now) <= this.config.MAX_PRICE_AGE;
  }
}

const details: Readonly<Record<Reason, string>> = {
  unread: 'Market data is still being read; try again in a moment.',
  session: 'It is not known at the moment whether the market is open.',
  price: 'There is no recent enough price at the moment.',
};

/** Market data that a rule needs is not known: nothing is decided or stored. */
export class PricesUnavailable extends DomainError {
  readonly code = 'prices-unavailable';
  readonly kind = 'busy';
  constructor(reason: Reason, { symbol }: OrderTerms, quote?: InstrumentQuote) {
    super(details[reason], { reason, symbol, ...(quote?.pricedAt !== undefined && { pricedAt: quote.pricedAt }) });
  }
}
