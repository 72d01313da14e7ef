import type { Approval, Denial, OrderTerms } from '@tradecore/events';
import { approvalOf, reservePrice } from './approval.ts';
import type { RiskFacts, RuleFacts } from './risk-facts.ts';
import { rules } from './risk-rules.ts';

/** What became of an order at the rules. */
export type Assessment = { readonly approved: Approval } | { readonly denied: Denial };

/** No rule is broken, and no price is known at which to value the order: neither approved nor denied. */
export interface Unpriced {
  readonly unpriced: true;
}

/**
 * Holds canonical terms against the rules, in their order: the first that is broken denies, with its figures; else the order is approved. How old
 * a price may be is for who asks to judge.
 */
export function assess(terms: OrderTerms, facts: RiskFacts): Assessment | Unpriced {
  const judged: RuleFacts = { ...facts, terms };
  for (const rule of rules) {
    const breach = rule.check(judged);
    if (breach) return { denied: { rule: rule.name, ...breach } };
  }
  return reservePrice(judged) === undefined ? { unpriced: true } : { approved: approvalOf(judged) };
}
