import type { ConsumerStatus } from './consumer.ts';
import type { IncomingMessage, OutgoingMessage } from './message.ts';

/** A running subscription. */
export interface Subscription {
  status(): ConsumerStatus;
  /** Finishes the record in flight, commits, leaves the group. */
  stop(): Promise<void>;
}

/** Publishing and simple subscribing. Topics that carry stored events are refused: only the relay writes those. */
export interface EventBus {
  /** Resolves when all in-sync replicas have it. Records of one key keep the order of the calls. Throws `MessagingError`. */
  publish(topic: string, message: OutgoingMessage): Promise<void>;
  /** As `publish`, for several; resolves when all are written. Not atomic. */
  publishBatch(topic: string, messages: readonly OutgoingMessage[]): Promise<void>;
  /**
   * At least once, in order per partition, position committed to the group. A handler that throws `attempts` times (default 5) sends the
   * record to the dead letters. `channel` is the whole topic name without namespace.
   */
  subscribe(
    channel: string,
    handler: (message: IncomingMessage) => Promise<void>,
    options: { readonly group: string; readonly attempts?: number },
  ): Promise<Subscription>;
  /** Sends what is queued, then closes. */
  close(): Promise<void>;
}
