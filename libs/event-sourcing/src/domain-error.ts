/** What a refusal means to whoever asked; doors turn it into a status. */
export type ErrorKind = 'invalid' | 'unprocessable' | 'refused' | 'conflict' | 'not-found' | 'busy' | 'unknown-outcome';

/**
 * A refusal: foreseen, named and told to the caller. One class a reason:
 * `class OrderNotOpen extends DomainError { readonly code = 'order-not-open'; readonly kind = 'refused'; }`.
 * What can't happen unless the code is wrong is a plain Error and crashes.
 */
export abstract class DomainError extends Error {
  /** Kebab-case; part of the API: never renamed. */
  abstract readonly code: string;
  abstract readonly kind: ErrorKind;

  /** `details` is shown to the caller as it is: no secrets. */
  constructor(
    message: string,
    readonly details?: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}
