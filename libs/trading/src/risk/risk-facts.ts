import type { InstrumentQuote, MarketSession, OrderTerms, RiskLimits, TradingHalted } from '@tradecore/events';

/** What the rules look at: nothing else decides. */
export interface RiskFacts {
  /** RFC 3339. */
  readonly now: string;
  /** The account was opened. */
  readonly accountExists: boolean;
  /** The symbol's instrument and last price; absent where the market knows no such symbol. */
  readonly quote?: InstrumentQuote;
  /** Absent while it is not known whether the market is open. */
  readonly session?: MarketSession;
  readonly controls: {
    /** The kill switch that holds, of all accounts or of this one. */
    readonly halted?: TradingHalted['data'];
    /** The limits of all accounts and of this one: the tightest of each counts. */
    readonly limits: readonly RiskLimits[];
  };
  /** How far beyond the last price an order without a limit may trade and money is reserved for it, in percent. */
  readonly marketCollarPercent: string;
}

/** The same, and the terms that are judged. */
export interface RuleFacts extends RiskFacts {
  readonly terms: OrderTerms;
}
