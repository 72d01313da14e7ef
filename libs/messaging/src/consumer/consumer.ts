import type { EachBatchPayload } from 'kafkajs';
import { toIncoming, type IncomingMessage, type TopicPartition } from '../message.ts';

/** A partition that the group gave to this member, with the ends of its log at that moment (end: last stable offset). */
export interface AssignedPartition extends TopicPartition {
  readonly startOffset: bigint;
  readonly endOffset: bigint;
}

/** Consecutive records of one partition, committed ones only. */
export interface Batch extends TopicPartition {
  readonly messages: readonly IncomingMessage[];
  /** Of the first record. Larger than the position asked for where control or aborted records or compaction lie between. */
  readonly firstOffset: bigint;
  /** The position after this batch: behind the last record, control records included. */
  readonly nextOffset: bigint;
  /** End of the partition when the batch was fetched (high watermark). */
  readonly highWatermark: bigint;
  /** True once the partition was taken away or repositioned, or the consumer is being stopped: roll back or finish quickly. */
  isStale(): boolean;
  /** Fetches no more of this partition until the returned function is called. */
  pause(): () => void;
}

/** What kafkajs fetched, as a batch of `where`. */
export function batchOf({ batch }: EachBatchPayload, where: TopicPartition, acts: Pick<Batch, 'isStale' | 'pause'>): Batch {
  const messages = batch.messages.map((record) => toIncoming(where, record));
  const lastOffset = BigInt(batch.lastOffset());
  return {
    ...where,
    messages,
    firstOffset: messages[0]?.offset ?? lastOffset,
    nextOffset: lastOffset + 1n,
    highWatermark: BigInt(batch.highWatermark),
    ...acts,
  };
}

/** How the consumer is doing; readiness reads it. */
export interface ConsumerStatus {
  readonly state: 'starting' | 'joined' | 'rebalancing' | 'crashed' | 'stopped';
  readonly assignment: readonly TopicPartition[];
  /** Milliseconds since 1970; 0 = never. */
  readonly lastHeartbeatAt: number;
  /** When a batch was last finished or, with nothing paused, a fetch came back; 0 = never. */
  readonly lastProgressAt: number;
  /** How often the consumer died for good and was made anew. */
  readonly restarts: number;
  readonly lastError?: string | undefined;
}

/** What to consume and how. */
export interface ConsumerOptions {
  /** Without namespace. */
  readonly group: string;
  /** Whole names without namespace. */
  readonly topics: readonly string[];
  /**
   * Where to go on, by `partitionKey`; asked after each join, and for one partition after `onBatch` threw. A partition that is absent
   * starts at its `startOffset`. Nothing is fetched before it resolves (heartbeats go on); when it rejects it is asked again with back-off.
   */
  positions(assigned: readonly AssignedPartition[]): Promise<ReadonlyMap<string, bigint>>;
  /**
   * Handles one batch; partitions run side by side, batches of a partition one after the other. Heartbeats go on meanwhile.
   * Throwing repeats from `positions`, with back-off, so a commit whose outcome is unknown is looked up, not guessed.
   */
  onBatch(batch: Batch): Promise<void>;
  /** After positions are known, before the first batch. */
  onAssigned?(assigned: readonly AssignedPartition[]): void;
  /** Control and aborted records alone lie before `nextOffset`: nothing for `onBatch`, and yet a position. */
  onPassed?(position: TopicPartition & { readonly nextOffset: bigint }): void;
  /** When partitions are (or may have been) taken away: rebalance, crash, stop. */
  onRevoked?(revoked: readonly TopicPartition[]): void;
  /** False: `hint` and empty batches commit nothing, for the group's offsets are written by transactions alone. Default true. */
  readonly hints?: boolean;
  /** Batches handled side by side; default 6. */
  readonly concurrency?: number;
  /** Default 512 KiB. A larger record comes alone. */
  readonly maxBytesPerPartition?: number;
  /** Default 6 s: how long a dead member keeps its partitions. */
  readonly sessionTimeoutMs?: number;
}

/** A consumer at work. */
export interface RunningConsumer {
  status(): ConsumerStatus;
  /** Stops fetching everything, also what is assigned later; heartbeats go on and the assignment stays. */
  pauseAll(): void;
  resumeAll(): void;
  /** Asks `positions` again for these partitions (all when absent) and goes on from there. */
  reposition(partitions?: readonly TopicPartition[]): void;
  /** Commits a position to the group as a hint, so that lag is visible to every tool. Never throws; sent each 500 ms and at the end. */
  hint(position: TopicPartition & { readonly nextOffset: bigint }): void;
  /** Commits a position to the group now; rejects when the group refuses. For consumers whose position is the group's. */
  commit(position: TopicPartition & { readonly nextOffset: bigint }): Promise<void>;
  /** Finishes the batches in flight, sends the last hints, leaves the group, disconnects. */
  stop(): Promise<void>;
}
