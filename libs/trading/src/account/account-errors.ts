import { DomainError } from '@tradecore/event-sourcing';

/** Not found, or not visible to the caller: the two look the same. */
export class AccountNotFound extends DomainError {
  readonly code = 'account-not-found';
  readonly kind = 'not-found';
  constructor(accountId: string) {
    super('Account not found, or not visible to you.', { accountId });
  }
}

/** Less money is available than needed; `details` has both figures. */
export class InsufficientFunds extends DomainError {
  readonly code = 'insufficient-funds';
  readonly kind = 'refused';
  constructor(needed: string, available: string) {
    super(`Insufficient funds: ${needed} needed, ${available} available.`, { needed, available });
  }
}

/** Fewer shares are available than needed; `details` has both figures. */
export class InsufficientShares extends DomainError {
  readonly code = 'insufficient-shares';
  readonly kind = 'refused';
  constructor(needed: string, available: string) {
    super(`Insufficient shares: ${needed} needed, ${available} available.`, { needed, available });
  }
}

/** The account has its maximum of open orders; one that ends makes room. `details` has both figures. */
export class TooManyOpenOrders extends DomainError {
  readonly code = 'too-many-open-orders';
  readonly kind = 'refused';
  constructor(openOrders: number, limit: number) {
    super(`The account has ${openOrders} open orders; the limit is ${limit}.`, { openOrders, limit });
  }
}

/** The amount of money is not positive, not in whole cents, or too large. */
export class InvalidAmount extends DomainError {
  readonly code = 'invalid-amount';
  readonly kind = 'invalid';
  constructor(code: string, detail: string) {
    super(`The amount ${detail}.`, { errors: [{ pointer: '#/amount', code, detail }] });
  }
}

/** Only the currencies in `currencies` are supported. */
export class UnsupportedCurrency extends DomainError {
  readonly code = 'unsupported-currency';
  readonly kind = 'invalid';
  constructor(currency: string, supported: readonly string[]) {
    const detail = `must be one of ${supported.join(', ')}`;
    super(`The currency ${currency} is not supported.`, { errors: [{ pointer: '#/currency', code: 'unsupported', detail }] });
  }
}
