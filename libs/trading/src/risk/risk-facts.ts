import type { InstrumentQuote, MarketSession, OrderTerms, RiskLimits, TradingHalted } from '@tradecore/events';

/** The only facts that the rules use. */
export interface RiskFacts {
  /** RFC 3339. */
  readonly now: string;
  /** The account was opened. */
  readonly accountExists: boolean;
  /** The symbol's instrument and last price; absent for an unknown symbol. */
  readonly quote?: InstrumentQuote;
  /** Absent while it is not known whether the market is open. */
  readonly session?: MarketSession;
  readonly controls: {
    /** The active kill switch, for all accounts or for this one. */
    readonly halted?: TradingHalted['data'];
    /** The limits for all accounts and for this one: the tightest of each applies. */
    readonly limits: readonly RiskLimits[];
  };
  /** How far beyond the last price an order without a limit may trade and reserves money, in percent. */
  readonly marketCollarPercent: string;
}

/** The same facts, with the terms to assess. */
export interface RuleFacts extends RiskFacts {
  readonly terms: OrderTerms;
}
