import { DomainError } from '@tradecore/event-sourcing';

/** Not found, or not visible to the caller: the two look the same. */
export class AccountNotFound extends DomainError {
  readonly code = 'account-not-found';
  readonly kind = 'not-found';
  constructor(accountId: string) {
    super('Account not found, or not visible to you.', { accountId });
  }
}

/** The money that is available is less than what is needed; `details` has both figures. */
export class InsufficientFunds extends DomainError {
  readonly code = 'insufficient-funds';
  readonly kind = 'refused';
  constructor(needed: string, available: string) {
    super(`Insufficient funds: ${needed} needed, ${available} available.`, { needed, available });
  }
}

/** The shares that are available are fewer than what is needed; `details` has both figures. */
export class InsufficientShares extends DomainError {
  readonly code = 'insufficient-shares';
  readonly kind = 'refused';
  constructor(needed: string, available: string) {
    super(`Insufficient shares: ${needed} needed, ${available} available.`, { needed, available });
  }
}

/** The account has as many open orders as it may have: each that ends makes room. `details` has both figures. */
export class TooManyOpenOrders extends DomainError {
  readonly code = 'too-many-open-orders';
  readonly kind = 'refused';
  constructor(openOrders: number, limit: number) {
    super(`The account has ${openOrders} open orders, and may have ${limit}.`, { openOrders, limit });
  }
}

/** An amount of money is not positive, not in whole cents, or too large. */
export class InvalidAmount extends DomainError {
  readonly code = 'invalid-amount';
  readonly kind = 'invalid';
  constructor(code: string, detail: string) {
    super(`The amount ${detail}.`, { errors: [{ pointer: '#/amount', code, detail }] });
  }
}

/** Accounts are kept in the currencies of `currencies` only. */
export class UnsupportedCurrency extends DomainError {
  readonly code = 'unsupported-currency';
  readonly kind = 'invalid';
  constructor(currency: string, supported: readonly string[]) {
    const detail = `must be one of ${supported.join(', ')}`;
    super(`There are no accounts in ${currency}.`, { errors: [{ pointer: '#/currency', code: 'unsupported', detail }] });
  }
}
