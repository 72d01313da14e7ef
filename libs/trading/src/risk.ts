import type { Approval, Denial, OrderTerms } from '@tradecore/events';
import { approvalOf } from './approval.ts';
import type { RiskFacts, RuleFacts } from './risk-facts.ts';
import { rules } from './risk-rules.ts';

/** What became of an order at the rules. */
export type Assessment = { readonly approved: Approval } | { readonly denied: Denial };

/** Holds canonical terms against the rules, in their order: the first that is broken denies, with its figures; else the order is approved. */
export function assess(terms: OrderTerms, facts: RiskFacts): Assessment {
  const judged: RuleFacts = { ...facts, terms };
  for (const rule of rules) {
    const breach = rule.check(judged);
    if (breach) return { denied: { rule: rule.name, ...breach } };
  }
  return { approved: approvalOf(judged) };
}
