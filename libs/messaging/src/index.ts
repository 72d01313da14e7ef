export { MessagingError, type MessagingFault } from './errors.ts';
export {
  partitionKey,
  partitionOf,
  type Headers,
  type IncomingMessage,
  type OutgoingMessage,
  type RawHeader,
  type TopicPartition,
} from './message.ts';
export { decode, encode, saveOf, Undecodable, type EncodableEvent, type UndecodableReason } from './cloud-events.ts';
export type { AssignedPartition, Batch, ConsumerOptions, ConsumerStatus, RunningConsumer } from './consumer/consumer.ts';
export type {
  Compression,
  TransactionalOptions,
  TransactionalProducer,
  TransactionContents,
} from './producer/transactional-producer.ts';
export type { EventBus, SubscribeOptions, Subscription } from './producer/event-bus.ts';
export { deadLetterReasons, type DeadLetterNote } from './dead-letters.ts';
export type { TopicLayout } from './topics.ts';
export { markOf } from './consumer/log-marks.ts';
export { createKafkaClient, type KafkaClient, type KafkaClientSettings } from './kafka-client.ts';
