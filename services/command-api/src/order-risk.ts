import { Inject, Injectable } from '@nestjs/common';
import { EventStore } from '@tradecore/event-sourcing';
import { tradingControlIdFor, type OrderTerms } from '@tradecore/events';
import { MarketData } from '@tradecore/market-data';
import { tokens, type Clock, type Config } from '@tradecore/service';
import { assess, TradingControl, type Assessment, type RiskFacts } from '@tradecore/trading';
import { z } from 'zod';
import { AccountAccess } from './account-access.ts';

/** Settings of the rules. */
export const riskSettings = {
  /** A last price older than this, in milliseconds, refuses orders that trade at any price. */
  MAX_PRICE_AGE: z.coerce.number().int().min(1).max(86_400_000).default(60_000),
  /** How far beyond the last price an order without a limit may trade, and money is held back for it, in percent. */
  MARKET_COLLAR_PERCENT: z
    .string()
    .regex(/^(?:[1-9]\d?|0)(?:\.\d{1,4})?$/, 'must be a percentage from 0 to 99.9999')
    .default('5'),
};

/** What the rules have to know of the market and of the time. */
@Injectable()
export class MarketFacts {
  constructor(
    @Inject(MarketData) private readonly marketData: MarketData,
    @Inject(tokens.clock) private readonly clock: Clock,
    @Inject(tokens.config) private readonly config: Pick<Config<typeof riskSettings>, keyof typeof riskSettings>,
  ) {}

  /** As it is now. */
  of(symbol: string): Omit<RiskFacts, 'accountExists' | 'controls'> {
    const quote = this.marketData.quote(symbol);
    const session = this.marketData.session();
    return {
      now: this.clock.now().toISOString(),
      ...(quote && { quote }),
      ...(session && { session }),
      maxPriceAgeMs: this.config.MAX_PRICE_AGE,
      marketCollarPercent: this.config.MARKET_COLLAR_PERCENT,
    };
  }
}

/** Holds the terms of an order against the rules, with what is so at this moment: kill switches, limits, market, account. */
@Injectable()
export class OrderRisk {
  constructor(
    @Inject(EventStore) private readonly eventStore: EventStore,
    @Inject(AccountAccess) private readonly access: AccountAccess,
    @Inject(MarketFacts) private readonly market: MarketFacts,
  ) {}

  /** Approved or denied. Kill switches and limits are read from the store: one that was answered holds for the very next order. */
  async assess(terms: OrderTerms): Promise<Assessment> {
    const [all, own, opened] = await Promise.all([
      this.#control('all'),
      this.#control(terms.accountId),
      this.access.opened(terms.accountId),
    ]);
    const halted = all.halted ?? own.halted;
    return assess(terms, {
      ...this.market.of(terms.symbol),
      accountExists: opened !== undefined,
      controls: { ...(halted && { halted }), limits: [all.limits, own.limits] },
    });
  }

  #control(scope: string): Promise<TradingControl> {
    return this.eventStore.loadAggregate(TradingControl, tradingControlIdFor(scope));
  }
}
