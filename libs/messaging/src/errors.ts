/** What went wrong with the broker, as a code that callers may branch on. */
export type MessagingFault =
  | 'closed'
  | 'fenced'
  | 'forbidden-topic'
  | 'kafkajs-version'
  | 'poisoned'
  | 'queue-full'
  | 'send-failed'
  | 'too-large'
  | 'topics'
  | 'transactions-off'
  | 'undeclared-topic'
  | 'unreachable';

/** A refusal or failure of the broker or of this library. `fault` is stable; the message says what to do. */
export class MessagingError extends Error {
  override readonly name = 'MessagingError';
  constructor(
    readonly fault: MessagingFault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
