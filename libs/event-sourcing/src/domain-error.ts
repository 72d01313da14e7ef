/** What a refusal means to the caller; APIs turn it into a status. */
export type ErrorKind = 'invalid' | 'unprocessable' | 'refused' | 'conflict' | 'not-found' | 'busy' | 'unknown-outcome';

/**
 * A refusal: expected, named and reported to the caller. One class per reason:
 * `class OrderNotOpen extends DomainError { readonly code = 'order-not-open'; readonly kind = 'refused'; }`.
 * A condition that only a bug can cause is a plain Error and crashes.
 */
export abstract class DomainError extends Error {
  /** Kebab-case; part of the API, never renamed. */
  abstract readonly code: string;
  abstract readonly kind: ErrorKind;

  /** `details` is shown to the caller unchanged: no secrets. */
  constructor(
    message: string,
    readonly details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}
