import { setTimeout as delay } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import type { Client } from '../wire/client.ts';
import { MessagingError } from '../errors.ts';
import type { Names } from '../names.ts';

const deadlineMs = 15_000;
const createPartitioner = kafkajs.Partitioners.DefaultPartitioner;
const retry = { retries: 5 };

/** What to check when the broker refuses transactions. */
const settings =
  'Redpanda: enable_transactions and enable_idempotence must be true. ' +
  'Apache Kafka: transaction.state.log.replication.factor and transaction.state.log.min.isr must not exceed the number of brokers ' +
  '(1 for a single one). With access control, the login needs Write and Describe on the transactional ids and IdempotentWrite on the cluster.';

const starting = ['NOT_COORDINATOR_FOR_GROUP', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'GROUP_LOAD_IN_PROGRESS'];
const fenced = ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'];

/**
 * Whether an error proves that transactions are on. Not yet while a broker that has just started moves and loads its
 * coordinators. Fenced does: another process is running the same check, and only a broker with transactions fences.
 * Throws any other error.
 */
function isProof(error: unknown): boolean {
  if (!(error instanceof kafkajs.KafkaJSProtocolError)) throw error;
  if (![...starting, ...fenced].includes(error.type)) throw error;
  return fenced.includes(error.type);
}

/**
 * Proves with one transaction (a group's offset, then abort) that the broker has transactions on. Throws
 * `transactions-off`.
 */
export async function verifyTransactions(client: Client, names: Names): Promise<void> {
  const topic = names.declarations[0]?.name ?? '';
  const id = names.onBroker('verify-transactions');
  const producer = client.kafka.producer({
    transactionalId: id,
    idempotent: true,
    transactionTimeout: deadlineMs,
    createPartitioner,
    retry,
  });
  const prove = async (): Promise<void> => {
    const transaction = await producer.transaction();
    const position = { topic: names.onBroker(topic), partitions: [{ partition: 0, offset: '0' }] };
    try {
      await transaction.sendOffsets({ consumerGroupId: id, topics: [position] });
    } finally {
      await transaction.abort();
    }
  };
  const proveOnceStarted = async (): Promise<void> => {
    await producer.connect();
    while (!(await prove().then(() => true, isProof))) await delay(200);
  };
  const late = async (): Promise<never> => {
    await delay(deadlineMs, undefined, { ref: false });
    throw new Error(`no answer within ${deadlineMs / 1000} s`);
  };
  try {
    await Promise.race([proveOnceStarted(), late()]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MessagingError('transactions-off', `the broker refuses transactions (${why}). ${settings}`, { cause: error });
  } finally {
    client.cut();
    void producer.disconnect().catch(() => undefined);
  }
}
