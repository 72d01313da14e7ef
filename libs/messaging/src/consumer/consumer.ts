import type { EachBatchPayload } from 'kafkajs';
import { toIncoming, type IncomingMessage, type TopicPartition } from '../message.ts';

/**
 * A partition that the group assigned to this member, with the ends of its log at that moment (end: last stable
 * offset).
 */
export interface AssignedPartition extends TopicPartition {
  readonly startOffset: bigint;
  readonly endOffset: bigint;
}

/** Consecutive committed records of one partition. */
export interface Batch extends TopicPartition {
  readonly messages: readonly IncomingMessage[];
  /** Offset of the first record. Above the requested position if control, aborted or compacted records lie between. */
  readonly firstOffset: bigint;
  /** The position after this batch: one past the last record, control records included. */
  readonly nextOffset: bigint;
  /** End of the partition when the batch was fetched (high watermark). */
  readonly highWatermark: bigint;
  /** True once the partition is revoked or repositioned, or the consumer is stopping: roll back or finish quickly. */
  isStale(): boolean;
}

/** What kafkajs fetched, as a batch of `where`. */
export function batchOf({ batch }: EachBatchPayload, where: TopicPartition, isStale: () => boolean): Batch {
  const messages = batch.messages.map((record) => toIncoming(where, record));
  const lastOffset = BigInt(batch.lastOffset());
  return {
    ...where,
    messages,
    firstOffset: messages[0]?.offset ?? lastOffset,
    nextOffset: lastOffset + 1n,
    highWatermark: BigInt(batch.highWatermark),
    isStale,
  };
}

/** The state of the consumer; readiness reads it. */
export interface ConsumerStatus {
  readonly state: 'starting' | 'joined' | 'rebalancing' | 'crashed' | 'stopped';
  readonly assignment: readonly TopicPartition[];
  /** Milliseconds since 1970; 0 = never. */
  readonly lastHeartbeatAt: number;
  /** How often the consumer died and was replaced. */
  readonly restarts: number;
  readonly lastError?: string | undefined;
}

/** What to consume, and how. */
export interface ConsumerOptions {
  /** Without namespace. */
  readonly group: string;
  /** Full names, without namespace. */
  readonly topics: readonly string[];
  /**
   * Where to resume, by `partitionKey`; called after each join, and for one partition after `onBatch` throws. A
   * partition that is absent starts at its `startOffset`. Nothing is fetched until it resolves (heartbeats continue);
   * when it rejects it is called again, with back-off.
   */
  positions(assigned: readonly AssignedPartition[]): Promise<ReadonlyMap<string, bigint>>;
  /**
   * Handles one batch; partitions run in parallel, the batches of one partition in sequence. Heartbeats continue
   * meanwhile. A throw repeats from `positions`, with back-off, so a commit whose outcome is unknown is looked up, not
   * guessed.
   */
  onBatch(batch: Batch): Promise<void>;
  /** Called after positions are known, before the first batch. */
  onAssigned?(assigned: readonly AssignedPartition[]): void;
  /**
   * Called when only control and aborted records lie before `nextOffset`: nothing for `onBatch`, but a new position.
   */
  onPassed?(position: TopicPartition & { readonly nextOffset: bigint }): void;
  /** Called when partitions are (or may have been) revoked: rebalance, crash, stop. */
  onRevoked?(revoked: readonly TopicPartition[]): void;
  /**
   * False: `hint` and empty batches commit nothing, because only transactions write the group's offsets. Default true.
   */
  readonly hints?: boolean;
  /** Batches handled in parallel; default 6. */
  readonly concurrency?: number;
}

/** A running consumer. */
export interface RunningConsumer {
  status(): ConsumerStatus;
  /** Calls `positions` again for these partitions (all when absent) and resumes from there. */
  reposition(partitions?: readonly TopicPartition[]): void;
  /**
   * Commits a position to the group as a hint, so that tools can see the lag. Never throws; sent every 500 ms and on
   * stop.
   */
  hint(position: TopicPartition & { readonly nextOffset: bigint }): void;
  /**
   * Commits a position to the group now; rejects when the group refuses. For consumers that keep their position in the
   * group.
   */
  commit(position: TopicPartition & { readonly nextOffset: bigint }): Promise<void>;
  /** Finishes batches in flight, sends the last hints, leaves the group, disconnects. */
  stop(): Promise<void>;
}
