import type { Approval, Denial, OrderTerms } from '@tradecore/events';
import { approvalOf, reservePrice } from './approval.ts';
import type { RiskFacts, RuleFacts } from './risk-facts.ts';
import { rules } from './risk-rules.ts';

/** The result of the risk rules for an order. */
export type Assessment = { readonly approved: Approval } | { readonly denied: Denial };

/** No rule is broken, but no price is known to value the order: neither approved nor denied. */
export interface Unpriced {
  readonly unpriced: true;
}

/**
 * Checks canonical terms against the risk rules, in order: the first broken rule denies the order, with its figures;
 * otherwise it is approved. The caller decides how old a price may be.
 */
export function assess(terms: OrderTerms, facts: RiskFacts): Assessment | Unpriced {
  const judged: RuleFacts = { ...facts, terms };
  for (const rule of rules) {
    const breach = rule.check(judged);
    if (breach) return { denied: { rule: rule.name, ...breach } };
  }
  return reservePrice(judged) === undefined ? { unpriced: true } : { approved: approvalOf(judged) };
}
