import { noticesGroup, topics } from '@tradecore/events';
import { partitionKey, type AssignedPartition, type KafkaClient } from '@tradecore/messaging';
import { logger } from '@tradecore/telemetry';

/** The notifier's consumer group. */
export const group = noticesGroup.name;
export const sources: readonly string[] = noticesGroup.topics;

/** A position is gone or belongs to another log. Without an operator the notifier would send every notice again. */
export class PositionLost extends Error {
  override readonly name = 'PositionLost';
}

const log = logger('notifier');

/**
 * Commits the start of each log as its position if no notice was ever sent, and for partitions added to a topic. This
 * happens before anything is read, so a position that is missing later was lost. Processes that begin at the same time
 * fence each other, as owners of a partition do.
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

/**
 * Partitions that were never read, and where each log starts; in order, so that added partitions stay the last ones.
 */
async function unread(kafka: KafkaClient): Promise<{ positionTopic: string; partition: number; offset: bigint }[]> {
  // Stays above 0 after retention has deleted the notices.
  const told = await kafka.endOffsets(topics.userNotifications.name);
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

/** Where to continue a partition. Throws `PositionLost`. */
export function positionIn(partition: AssignedPartition, committed: bigint | undefined): bigint {
  const { startOffset, endOffset } = partition;
  const key = partitionKey(partition);
  if (committed === undefined) throw new PositionLost(`${key} no longer has a position: it expired, or the group was deleted`);
  if (committed > endOffset) throw new PositionLost(`${key} ends at ${endOffset} but was read up to ${committed}: another log`);
  if (committed >= startOffset) return committed;
  log.error({ partition: key, position: committed, startOffset }, 'events were deleted before their notices were written');
  return startOffset;
}
