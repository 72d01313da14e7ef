import { DomainError, type EventStore } from '@tradecore/event-sourcing';
import { isTextRef } from '@tradecore/events';
import { differingFields } from '@tradecore/trading';

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

/**
 * Throws `IdempotencyKeyReused` if a request differs in these fields from what is stored under its key. A text that was
 * forgotten differs from nothing.
 */
export async function mustBeSame(
  store: Pick<EventStore, 'withTexts'>,
  { asked, stored }: { readonly asked: object; readonly stored: object },
  fields: readonly string[],
): Promise<void> {
  const before: object = await store.withTexts(stored);
  const known = fields.filter((field) => field in before || !isTextRef(Reflect.get(stored, field)));
  const differing = differingFields({ ...asked }, { ...before }, known);
  if (differing.length > 0) throw new IdempotencyKeyReused(differing);
}

/** The Idempotency-Key of a request, as part of a command. */
export function keyOf(headers: { readonly 'idempotency-key'?: string | undefined }): { readonly idempotencyKey?: string } {
  const key = headers['idempotency-key'];
  return key === undefined ? {} : { idempotencyKey: key };
}
