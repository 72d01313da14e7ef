import type { TopicDeclaration } from '@tradecore/events';
import type { Broker } from './broker.ts';
import type { IncomingMessage } from './message.ts';

/** A broker for one test: its own random namespace on the server that KAFKA_BROKERS names, the declared topics created. */
export interface TestBroker {
  readonly broker: Broker;
  readonly namespace: string;
  readonly brokers: readonly string[];
  /** Another client in the same namespace, as another process would have. */
  another(clientId?: string): Broker;
  /** Every record up to the present end of a topic, as a `read_committed` reader sees it; per partition in order. */
  readTopic(topic: string): Promise<IncomingMessage[]>;
  /** Closes the clients and deletes the topics. */
  drop(): Promise<void>;
}

/** Creates it; `partitions` (default 3) overrides the declared number. */
export async function createTestBroker(_options?: {
  readonly declarations?: readonly TopicDeclaration[];
  readonly partitions?: number;
}): Promise<TestBroker> {
  throw new Error('unfinished');
}
