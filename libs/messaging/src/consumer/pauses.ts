import type { Consumer } from 'kafkajs';
import { partitionKey, type TopicPartition } from '../message.ts';

/** Why a partition is not being fetched; fetching resumes when no reason is left. */
export type PauseReason = 'positioning' | 'back-off' | 'everything' | `handler-${number}`;

/** Keeps the reasons why partitions are paused, so that one resume does not undo another pause. */
export class Pauses {
  readonly #reasons = new Map<string, Set<PauseReason>>();
  constructor(
    private readonly consumer: Pick<Consumer, 'pause' | 'resume'>,
    private readonly onBroker: (topic: string) => string,
  ) {}

  add(reason: PauseReason, partitions: readonly TopicPartition[]): void {
    for (const each of partitions) {
      const key = partitionKey(each);
      this.#reasons.set(key, (this.#reasons.get(key) ?? new Set()).add(reason));
    }
    if (partitions.length > 0) this.consumer.pause(this.#named(partitions));
  }

  remove(reason: PauseReason, partitions: readonly TopicPartition[]): void {
    const free = partitions.filter((each) => {
      const reasons = this.#reasons.get(partitionKey(each));
      return reasons?.delete(reason) === true && reasons.size === 0;
    });
    if (free.length > 0) this.consumer.resume(this.#named(free));
  }

  /** Forgets all pauses, for a new assignment. */
  clear(): void {
    this.#reasons.clear();
  }

  isPaused(partition: TopicPartition): boolean {
    return (this.#reasons.get(partitionKey(partition))?.size ?? 0) > 0;
  }

  get some(): boolean {
    return [...this.#reasons.values()].some(({ size }) => size > 0);
  }

  #named = (partitions: readonly TopicPartition[]) =>
    partitions.map(({ topic, partition }) => ({ topic: this.onBroker(topic), partitions: [partition] }));
}
