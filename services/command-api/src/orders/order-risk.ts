import { Inject, Injectable } from '@nestjs/common';
import type { Denial, OrderTerms, Reservation } from '@tradecore/events';
import { tokens } from '@tradecore/service';
import { assess, InsufficientFunds, InsufficientShares, rules, type Account, type Assessment } from '@tradecore/trading';
import type { AccountState } from '../account-lane/account-request.ts';
import type { Limits } from '../limits.ts';
import { MarketFacts } from './market-facts.ts';

/** Every name that a denial may have. */
export const denialRules: readonly string[] = [...rules.map(({ name }) => name), 'insufficient-funds', 'insufficient-shares'];

/**
 * Checks an order against the rules, the stored kill switches and limits, the current market, and the account's money
 * and shares.
 */
@Injectable()
export class OrderRisk {
  constructor(
    @Inject(MarketFacts) private readonly market: MarketFacts,
    @Inject(tokens.config) private readonly limits: Pick<Limits, 'LIMIT_OPEN_ORDERS'>,
  ) {}

  /** Approved or denied; throws `PricesUnavailable` if that can't be decided. */
  assess(terms: OrderTerms, { account, controls }: Pick<AccountState, 'account' | 'controls'>): Assessment {
    const [all, own] = controls;
    const halted = all.halted ?? own.halted;
    const facts = {
      ...this.market.of(terms.symbol),
      accountExists: account.isOpen,
      controls: { ...(halted && { halted }), limits: [all.limits, own.limits] },
    };
    return this.market.borneOut(assess(terms, facts), terms, facts);
  }

  /** Reserves what an order needs; returns the denial if the account has less. Throws `TooManyOpenOrders`. */
  reserve(account: Account, reservation: Reservation): Denial | undefined {
    try {
      account.reserve(reservation, this.limits.LIMIT_OPEN_ORDERS);
      return undefined;
    } catch (error) {
      if (!(error instanceof InsufficientFunds || error instanceof InsufficientShares)) throw error;
      return { rule: error.code, detail: error.message, figures: error.details as Denial['figures'] };
    }
  }
}
