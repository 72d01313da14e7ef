import { setTimeout as delay } from 'node:timers/promises';
import { logger } from '@tradecore/telemetry';
import type { AssignedPartition, Batch } from './consumer.ts';
import type { KafkaClient } from '../kafka-client.ts';
import type { SubscribeOptions, Subscription } from '../producer/event-bus.ts';
import { partitionKey, type IncomingMessage } from '../message.ts';

const log = logger('event-bus');

/** The wait between attempts at one record: 50 ms, doubled each time. */
const firstWaitMs = 50;

/**
 * Where a partition resumes. Logs records that were deleted unread; throws when the log ends before the position, for
 * it is another log.
 */
function positionIn(partition: AssignedPartition, committed: bigint | undefined, group: string): bigint {
  const { startOffset, endOffset } = partition;
  const position = committed ?? startOffset;
  const key = partitionKey(partition);
  if (position > endOffset) throw new Error(`${key} ends at ${endOffset} but was read up to ${position}: it is another log`);
  if (position >= startOffset) return position;
  log.error({ group, partition: key, position, startOffset }, 'records were deleted before they were read');
  return startOffset;
}

/** Consumes `channel` at least once; the position is the group's committed offset. */
export function subscribe(
  kafka: Pick<KafkaClient, 'runConsumer' | 'committedOffsets' | 'deadLetter'>,
  channel: string,
  handler: (message: IncomingMessage) => Promise<void>,
  { group, attempts = 5 }: SubscribeOptions,
): Subscription {
  const handle = async (message: IncomingMessage, batch: Batch): Promise<void> => {
    const { undecodable: detail } = message;
    if (detail !== undefined) return kafka.deadLetter(message, { group, reason: 'undecodable', detail, attempts: 1 });
    for (let attempt = 1; ; attempt += 1) {
      if (batch.isStale()) throw new Error('the partition was revoked');
      try {
        return await handler(message);
      } catch (error) {
        log.warn(
          { err: error, group, channel, partition: message.partition, offset: String(message.offset), attempt },
          'handler failed',
        );
        if (attempt >= attempts)
          return await kafka.deadLetter(message, { group, reason: 'handler-failed', attempts: attempt, error });
      }
      await delay(firstWaitMs * 2 ** (attempt - 1), undefined, { ref: false });
    }
  };
  const consumer = kafka.runConsumer({
    group,
    topics: [channel],
    positions: async (assigned) => {
      const committed = await kafka.committedOffsets(group, channel);
      return new Map(assigned.map((each) => [partitionKey(each), positionIn(each, committed.get(each.partition), group)]));
    },
    onBatch: async (batch) => {
      for (const message of batch.messages) await handle(message, batch);
      const { topic, partition, nextOffset } = batch;
      await consumer.commit({ topic, partition, nextOffset });
    },
  });
  return { status: () => consumer.status(), stop: () => consumer.stop() };
}
