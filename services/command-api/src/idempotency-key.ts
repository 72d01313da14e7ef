import { DomainError } from '@tradecore/event-sourcing';

/** The Idempotency-Key was used for a different request; `details.differingFields` names the differences. */
export class IdempotencyKeyReused extends DomainError {
  readonly code = 'idempotency-key-reused';
  readonly kind = 'unprocessable';
  constructor(differing: readonly string[]) {
    super(`This Idempotency-Key was used for a request that differs in ${differing.join(', ')}.`, {
      differingFields: differing,
      errors: differing.map((field) => ({
        pointer: `#/${field}`,
        code: 'differs',
        detail: 'differs from the request with this key',
      })),
    });
  }
}

/** The Idempotency-Key of a request, as part of a command. */
export function keyOf(headers: { readonly 'idempotency-key'?: string | undefined }): { readonly idempotencyKey?: string } {
  const key = headers['idempotency-key'];
  return key === undefined ? {} : { idempotencyKey: key };
}
