import type {
  Denial,
  InstrumentQuote,
  MarketSession,
  OrderApproved,
  OrderTerms,
  RiskLimits,
  TradingHalted,
} from '@tradecore/events';
import { approvalOf } from './approval.ts';
import { rules, type RuleFacts } from './risk-rules.ts';

/** What the rules look at: nothing else decides. */
export interface RiskFacts {
  /** RFC 3339. */
  readonly now: string;
  /** The account was opened. */
  readonly accountExists: boolean;
  /** The symbol's instrument and last price; absent where the market knows no such symbol. */
  readonly quote?: InstrumentQuote;
  /** Absent where nobody has said whether the market is open. */
  readonly session?: MarketSession;
  readonly controls: {
    /** The kill switch that holds, of all accounts or of this one. */
    readonly halted?: TradingHalted['data'];
    /** The limits of all accounts and of this one: the tightest of each counts. */
    readonly limits: readonly RiskLimits[];
  };
  /** A last price older than this refuses market orders, in milliseconds. */
  readonly maxPriceAgeMs: number;
  /** How far beyond the last price an order without a limit may trade and money is held back for it, in percent. */
  readonly marketCollarPercent: string;
}

/** What became of an order at the rules. */
export type Assessment = { readonly approved: OrderApproved['data'] } | { readonly denied: Denial };

/** Holds canonical terms against the rules, in their order: the first that is broken denies, with its figures; else the order is approved. */
export function assess(terms: OrderTerms, facts: RiskFacts): Assessment {
  const judged: RuleFacts = { ...facts, terms };
  for (const rule of rules) {
    const breach = rule.check(judged);
    if (breach) return { denied: { rule: rule.name, ...breach } };
  }
  return { approved: approvalOf(judged) };
}
