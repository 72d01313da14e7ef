import { topics, type TopicDeclaration } from '@tradecore/events';
import type { ConsumerOptions, RunningConsumer } from './consumer.ts';
import type { DeadLetterNote } from './dead-letters.ts';
import type { EventBus } from './event-bus.ts';
import type { IncomingMessage } from './message.ts';
import type { TransactionalProducer } from './transactional-producer.ts';

/** How to reach the broker. */
export interface BrokerSettings {
  /** host:port of at least one broker. */
  readonly brokers: readonly string[];
  /** The service's name; shows in the broker's logs. */
  readonly clientId: string;
  /** Put with a dot before topics, groups and transactional ids; empty = none. */
  readonly namespace?: string;
  /** The declared topics; the fleet's when absent. Writing to any other is refused. */
  readonly declarations?: readonly TopicDeclaration[];
}

/** How topics are laid out in this installation. */
export interface TopicLayout {
  /** Overrides the declared number where given. */
  readonly partitions?: number;
  /** Copies of each partition; 1 locally, 3 in a cluster. */
  readonly replication: number;
}

/** The broker as the fleet sees it: Apache Kafka or Redpanda behind kafkajs. Connects when first used. */
export interface Broker {
  readonly namespace: string;
  /** Creates what is missing, verifies what is there; throws `MessagingError` `topics` that names every difference. */
  ensureTopics(layout: TopicLayout, declarations?: readonly TopicDeclaration[]): Promise<{ created: string[]; verified: string[] }>;
  /** One transaction with nothing but an offset in it, aborted; throws `transactions-off` naming the settings. */
  verifyTransactions(): Promise<void>;
  /** Answers when the broker does; throws when it does not within a few seconds. */
  ping(): Promise<void>;
  clusterId(): Promise<string>;
  /** First offset of each partition. */
  startOffsets(topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** Last stable offset of each partition: what a `read_committed` reader can reach. */
  endOffsets(topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** Committed offsets of a group, without partitions that have none. Waits for a transaction that is being ended (KIP-447). */
  committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** The bus of this process; the same at each call. */
  eventBus(): EventBus;
  /** Joins the group and consumes until `stop`. */
  runConsumer(options: ConsumerOptions): RunningConsumer;
  /**
   * A new producer under this id: fences older ones and resolves their open transaction before it resolves.
   * `writer: 'relay'` may write topics of stored events.
   */
  openTransactional(options: { readonly transactionalId: string; readonly writer?: 'relay' | 'services' }): Promise<TransactionalProducer>;
  /** Sends the original bytes and headers to `system.dlq-events` under the key group/topic/partition/offset; resolves when stored. */
  deadLetter(original: IncomingMessage, note: DeadLetterNote): Promise<void>;
  /** Stops consumers, flushes the bus, closes all connections. */
  close(): Promise<void>;
}

/** The broker behind these settings. */
export function createBroker(_settings: BrokerSettings): Broker {
  void topics;
  throw new Error('unfinished');
}
