import type { OutgoingMessage } from './message.ts';

/** One transaction: records, and the offset that says how far the sender has come. */
export interface TransactionContents {
  readonly batches: readonly { readonly topic: string; readonly messages: readonly OutgoingMessage[] }[];
  /** The group whose position moves; without namespace. */
  readonly group: string;
  readonly positionTopic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/**
 * Writes records and a position in one Kafka transaction. After any error it is poisoned: the outcome may be unknown, so drop it,
 * open a new one under the same id (which resolves what hung) and read the committed offset.
 */
export interface TransactionalProducer {
  /** Resolves when the transaction is committed. Throws `MessagingError` `send-failed`, `fenced` or `poisoned`. One at a time. */
  send(contents: TransactionContents): Promise<void>;
  readonly poisoned: boolean;
  /** Closes the connections without finishing anything. Never throws. */
  discard(): Promise<void>;
}
