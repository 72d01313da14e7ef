import { DomainError } from '@tradecore/event-sourcing';

/** There is no such account, or none that the caller may see: the two look the same. */
export class AccountNotFound extends DomainError {
  readonly code = 'account-not-found';
  readonly kind = 'not-found';
  constructor(accountId: string) {
    super('There is no such account.', { accountId });
  }
}

/** The key opened an account before, with other terms; `details.differingFields` names them. */
export class AccountAlreadyOpened extends DomainError {
  readonly code = 'account-already-opened';
  readonly kind = 'conflict';
  constructor(accountId: string, differing: readonly string[]) {
    super(`This account exists and differs in ${differing.join(', ')}.`, {
      accountId,
      differingFields: differing,
      errors: differing.map((field) => ({
        pointer: `#/${field}`,
        code: 'differs',
        detail: 'differs from the account that exists',
      })),
    });
  }
}

/** The account has less than what was asked for; `details` tells `needed` and `available`. */
export class InsufficientFunds extends DomainError {
  readonly code = 'insufficient-funds';
  readonly kind = 'refused';
  constructor(needed: string, available: string) {
    super(`${needed} is more than the ${available} that is available.`, { needed, available });
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
