import { partitionKey, type TopicPartition } from '../message.ts';
import { lag } from '../metrics.ts';

/**
 * The lag of one consumer's partitions. The last value stays while a position is looked up and while the consumer is
 * being replaced, so a reader sees how far behind it was instead of no value.
 */
export class Lag {
  readonly #shown = new Map<string, TopicPartition>();

  constructor(private readonly group: string) {}

  show({ topic, partition }: TopicPartition, records: bigint): void {
    this.#shown.set(partitionKey({ topic, partition }), { topic, partition });
    lag.set({ group: this.group, topic, partition: String(partition) }, Math.max(0, Number(records)));
  }

  /** Keeps the series of these partitions, which are now the consumer's, and ends all others. */
  keepOnly(mine: readonly TopicPartition[]): void {
    const kept = new Set(mine.map(partitionKey));
    for (const [key, { topic, partition }] of this.#shown) {
      if (kept.has(key)) continue;
      lag.remove({ group: this.group, topic, partition: String(partition) });
      this.#shown.delete(key);
    }
  }
}
