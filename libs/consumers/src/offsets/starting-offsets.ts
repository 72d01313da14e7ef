import { markOf, partitionKey, type KafkaClient, type TopicPartition } from '@tradecore/messaging';
import type { Log } from './offsets.ts';

/** The starting offset of a partition, and the log it refers to. */
export interface StartingOffset extends TopicPartition {
  readonly next: bigint;
  readonly mark: string;
}

/**
 * The start or the end of each partition of these topics. `log` was read before: a topic recreated since then has
 * another id.
 */
export async function startingOffsets(
  which: 'start' | 'end',
  topics: readonly string[],
  { kafka, log }: { readonly kafka: KafkaClient; readonly log: Log },
): Promise<StartingOffset[]> {
  const all: StartingOffset[] = [];
  for (const topic of topics) {
    const offsets = await kafka[which === 'start' ? 'startOffsets' : 'endOffsets'](topic);
    const id = log.topicIds.get(topic);
    const marks = id === undefined ? await kafka.marksBefore(topic, offsets) : new Map<string, string>();
    for (const [partition, next] of offsets)
      all.push({ topic, partition, next, mark: marks.get(partitionKey({ topic, partition })) ?? markOf(id) });
  }
  return all;
}
