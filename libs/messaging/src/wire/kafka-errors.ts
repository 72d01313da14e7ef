import { MessagingError } from '../errors.ts';

/** Every error in a chain of causes; kafkajs wraps the broker's error up to three times. */
function* causes(error: unknown): Generator<{ readonly type?: string; readonly message?: string }> {
  let each = error;
  for (let depth = 0; each instanceof Error && depth < 8; depth += 1) {
    yield each as { type?: string };
    each = each.cause;
  }
}

/** The broker's error types after another process opened a producer under our transactional id. */
const fencing = ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING'];

/** True when the error or one of its causes has one of the broker's error types. */
export const isType = (error: unknown, ...types: string[]): boolean =>
  [...causes(error)].some(({ type }) => type !== undefined && types.includes(type));

/** A failed write as a typed error. */
export function writeError(error: unknown, what: string): MessagingError {
  if (error instanceof MessagingError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isType(error, ...fencing)) {
    return new MessagingError('fenced', `${what}: a newer producer took over (${message})`, { cause: error });
  }
  if (isType(error, 'MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE')) {
    return new MessagingError('too-large', `${what}: ${message}`, { cause: error });
  }
  return new MessagingError('send-failed', `${what}: ${message}`, { cause: error });
}
