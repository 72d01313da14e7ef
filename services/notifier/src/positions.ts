import { topics } from '@tradecore/events';
import { partitionKey, type AssignedPartition, type KafkaClient } from '@tradecore/messaging';
import { logger } from '@tradecore/telemetry';

/** The notifier's group at the broker. */
export const group = 'notifier';
/** One source topic for each kind of notice, so that no notice is written twice by two of them. */
export const sources = [topics.orderEvents.name, topics.accountEvents.name, topics.controlEvents.name];

/** A position that was there is gone, or is another log's. Going on by itself the notifier would tell people everything once more. */
export class PositionLost extends Error {
  override readonly name = 'PositionLost';
}

const log = logger('notifier');

/**
 * Begins at the start of the topics as long as nobody was ever told anything, and of partitions that were added to a topic. That is written down before
 * anything is read: a position that is missing later was there. Those who begin at the same time shut each other out, as owners of a partition do.
 */
export async function begin(kafka: KafkaClient): Promise<void> {
  if ((await unread(kafka)).length === 0) return;
  const producer = await kafka.openTransactional({ transactionalId: `${group}.begin` });
  try {
    for (const partition of await unread(kafka)) await producer.send({ batches: [], group, ...partition });
  } finally {
    await producer.discard();
  }
}

/** Partitions that nobody has begun to read, and where each log starts; in order, so that those added to a topic stay the last ones. */
async function unread(kafka: KafkaClient): Promise<{ positionTopic: string; partition: number; offset: bigint }[]> {
  const told = await kafka.endOffsets(topics.userNotifications.name); // stays above 0 when retention has deleted the notices
  const isFirst = [...told.values()].every((end) => end === 0n);
  const found = sources.map(async (positionTopic) => {
    const [committed, starts] = await Promise.all([
      kafka.committedOffsets(group, positionTopic),
      kafka.startOffsets(positionTopic),
    ]);
    const last = Math.max(...committed.keys());
    const isUnread = (partition: number) => !committed.has(partition) && (isFirst || (committed.size > 0 && partition > last));
    const partitions = [...starts.keys()].filter(isUnread).toSorted((a, b) => a - b);
    return partitions.map((partition) => ({ positionTopic, partition, offset: starts.get(partition) ?? 0n }));
  });
  return (await Promise.all(found)).flat();
}

/** Where a partition goes on. Throws `PositionLost`. */
export function positionIn(partition: AssignedPartition, committed: bigint | undefined): bigint {
  const { startOffset, endOffset } = partition;
  const key = partitionKey(partition);
  if (committed === undefined)
    throw new PositionLost(`${key} has no position any more: it has expired, or the group was deleted`);
  if (committed > endOffset) throw new PositionLost(`${key} ends at ${endOffset}, it was read up to ${committed}: another log`);
  if (committed >= startOffset) return committed;
  log.error({ partition: key, position: committed, startOffset }, 'events were deleted before their notices were written');
  return startOffset;
}
