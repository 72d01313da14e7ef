import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  partitionKey,
  type AssignedPartition,
  type Batch,
  type ConsumerStatus,
  type KafkaClient,
  type RunningConsumer,
} from '@tradecore/messaging';
import { heartbeat, logger, type Attempt } from '@tradecore/telemetry';
import type { DataSource } from 'typeorm';
import type { BatchProcessor } from './batch-processor.ts';
import { ChunkRunner } from './chunk-runner.ts';
import { chunksOf } from './chunks.ts';
import { ConsumerHalted, LogCutOff, ModelDiverged, OffsetLost } from './errors.ts';
import { markKey, Offsets, type Claim, type Log, type UnusableOffset } from './offsets.ts';
import { showStanding } from './readiness.ts';
import { inTransaction, outsideTransaction } from './transaction.ts';

/** The status of a subscription. */
export interface SubscriptionStatus {
  readonly name: string;
  /**
   * `building`: from the store. `waiting`: another instance builds. `outdated`: the rows have a newer version.
   * `stopped`: by a fault that needs an operator; see `reason`.
   */
  readonly state: 'starting' | 'building' | 'waiting' | 'outdated' | 'running' | 'stopped' | 'closed';
  /** Why it is stopped, or the last failure that has not been followed by a success. */
  readonly reason?: string | undefined;
  /** Age of the oldest batch in progress, in milliseconds; 0 when there is none. */
  readonly backlogAgeMs: number;
  readonly consumer?: ConsumerStatus | undefined;
}

/** The dependencies of a subscription. */
export interface SubscriptionParts {
  readonly dataSource: DataSource;
  readonly kafka: KafkaClient;
  /** Milliseconds between two checks of a projection that is stopped or built by another instance; 500 when absent. */
  readonly lookAgainMs?: number;
}

const log = logger('consumers');
const pollEveryMs = 2000;

/**
 * Consumes topics with offsets kept in PostgreSQL. The records of one fetch are one transaction that locks the offsets
 * first, compares each with what this owner last wrote, handles the records and moves the offsets. A failure rolls back
 * and restarts from the stored offset.
 */
export class Subscription {
  private readonly owner = randomUUID();
  private readonly offsets: Offsets;
  private readonly runner: ChunkRunner;
  private readonly inHand = new Map<string, number>();
  private readonly stopping = new AbortController();
  private assignment = new AbortController();
  private readonly attempt: Attempt;
  private isPolling = false;
  private polling: NodeJS.Timeout | undefined;
  private state: SubscriptionStatus['state'] = 'starting';
  private reason: string | undefined;
  private consumer: RunningConsumer | undefined;

  constructor(
    private readonly processor: BatchProcessor,
    private readonly parts: SubscriptionParts,
  ) {
    this.attempt = heartbeat(processor.name);
    this.offsets = new Offsets(processor);
    this.runner = new ChunkRunner(processor, {
      ...parts,
      offsets: this.offsets,
      owner: this.owner,
      reached: (position) => this.consumer?.hint(position),
    });
    showStanding(processor.name, () => this.status());
  }

  /** Opens the processor and joins the group. Resolves when the consumer is running, not when it has caught up. */
  async start(): Promise<void> {
    await this.processor.open?.();
    this.consumer = this.parts.kafka.runConsumer({
      group: this.processor.name,
      topics: this.processor.topics,
      // Every partition of a fetch joins the same transaction: none has to wait for a free worker.
      concurrency: 64,
      positions: (assigned) => this.claim(assigned),
      onBatch: (batch) => this.onBatch(batch),
      onRevoked: () => this.revoked(),
    });
    this.polling = setInterval(() => void this.poll(), pollEveryMs).unref();
  }

  /** Finishes the batches in flight, then leaves the group. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.assignment.abort();
    clearInterval(this.polling);
    await this.consumer?.stop();
    await this.runner.flush();
    this.state = 'closed';
  }

  /** An operator may have requested a rebuild, or something that the processor handles, while no record arrives. */
  private async poll(): Promise<void> {
    if (this.state !== 'running' || this.isPolling) return;
    this.isPolling = true;
    try {
      await this.attempt(async () => {
        const stored = this.runner.storedIn(this.consumer?.status().assignment ?? []);
        if (await this.offsets.mustBeClaimed(this.parts.dataSource, stored)) this.consumer?.reposition();
        else await this.processor.poll();
      });
    } catch (error) {
      log.warn({ err: error, subscription: this.processor.name }, 'operator requests could not be read or handled');
    } finally {
      this.isPolling = false;
    }
  }

  status(): SubscriptionStatus {
    const oldest = Math.min(...this.inHand.values());
    return {
      name: this.processor.name,
      state: this.state,
      reason: this.reason,
      backlogAgeMs: Number.isFinite(oldest) ? performance.now() - oldest : 0,
      consumer: this.consumer?.status(),
    };
  }

  private revoked(): void {
    this.assignment.abort();
    this.assignment = new AbortController();
    this.inHand.clear();
  }

  /**
   * Becomes the owner of partitions; builds first where events must come from the store, waits where another instance
   * builds.
   */
  private async claim(assigned: readonly AssignedPartition[]): Promise<ReadonlyMap<string, bigint>> {
    const { signal } = this.assignment;
    for (let ends = assigned; !signal.aborted; ends = await this.parts.kafka.ends(assigned)) {
      const { claim, log: present } = await this.attempt(() => this.claimAt(ends));
      if (claim.state === 'claimed') {
        this.processor.forget?.();
        this.runner.claimed(claim.offsets, present.topicIds);
        this.is('running');
        return claim.offsets;
      }
      if (claim.state === 'stopped') await this.wait('stopped', signal, claim.reason);
      else if (claim.state === 'newer-version') await this.wait('outdated', signal, claim.reason);
      else if (claim.state === 'builder-at-work') await this.wait('waiting', signal);
      else if (claim.why === 'beyond-log' && (await this.isReached(claim, assigned))) continue;
      else if (!(await this.build(claim, present))) await this.wait('waiting', signal);
    }
    throw new OffsetLost('the assignment is over');
  }

  /**
   * The log is read before a builder measures its ends: offsets of an old log may then be stored under its id, never
   * under the id of a new one.
   */
  private async claimAt(ends: readonly AssignedPartition[]): Promise<{ readonly claim: Claim; readonly log: Log }> {
    const present = await this.presentLog();
    const others = await this.otherMarks(ends, present);
    const claim = await inTransaction(this.parts.dataSource, (tx) =>
      this.offsets.claim(tx, ends, { owner: this.owner, log: present, others }),
    );
    return { log: present, claim };
  }

  /**
   * Whether the log reaches an offset after all: an end measured before another owner's last batch lies below its
   * offset.
   */
  private async isReached({ where, next = 0n }: UnusableOffset, assigned: readonly AssignedPartition[]): Promise<boolean> {
    const found = (await this.parts.kafka.ends(assigned)).find((each) => partitionKey(each) === where);
    return found !== undefined && found.endOffset >= next;
  }

  private is(state: SubscriptionStatus['state'], reason?: string): void {
    if (this.state !== state) log.info({ subscription: this.processor.name, state, reason }, 'subscription');
    this.state = state;
    this.reason = reason;
  }

  private async wait(state: 'waiting' | 'outdated' | 'stopped', signal: AbortSignal, reason?: string): Promise<void> {
    this.is(state, reason);
    await sleep(this.parts.lookAgainMs ?? 500, undefined, { signal }).catch(() => undefined);
  }

  private async build({ why, where }: UnusableOffset, on: Log): Promise<boolean> {
    this.is('building', why);
    try {
      return await this.processor.build({ why, where }, on);
    } catch (error) {
      await this.failed(error);
      throw error;
    }
  }

  /** Offsets refer to one log: this cluster and namespace, with these topics. */
  private async presentLog(): Promise<Log> {
    const { kafka } = this.parts;
    const topicIds = await kafka.topicIds(this.processor.topics);
    return { name: `${await kafka.clusterId()}/${kafka.namespace}`, topicIds };
  }

  /** Marks of offsets that belong to a log other than the present one. */
  private async otherMarks(assigned: readonly AssignedPartition[], { topicIds }: Log): Promise<ReadonlySet<string>> {
    const marks = await this.offsets.marks(outsideTransaction(this.parts.dataSource));
    const others = await this.parts.kafka.otherLogs(assigned, marks, topicIds);
    return new Set([...others].map((key) => markKey(key, marks.get(key) ?? '')));
  }

  private async onBatch(batch: Batch): Promise<void> {
    const key = partitionKey(batch);
    const expected = this.runner.offsetOf(key);
    if (batch.nextOffset <= expected) return;
    this.inHand.set(key, this.inHand.get(key) ?? performance.now());
    try {
      if (batch.firstOffset > expected) await this.mustReachBackTo(batch, expected);
      for (const chunk of chunksOf(batch, expected, this.processor)) await this.runner.finish(chunk, this.assignment.signal);
      this.inHand.delete(key);
      if (this.state === 'running') this.reason = undefined;
    } catch (error) {
      if (error instanceof OffsetLost) this.inHand.delete(key);
      await this.failed(error);
      throw error;
    }
  }

  /** Offsets are missing before the batch: transaction markers, or records deleted before they were read. */
  private async mustReachBackTo(batch: Batch, expected: bigint): Promise<void> {
    const start = (await this.parts.kafka.startOffsets(batch.topic)).get(batch.partition) ?? 0n;
    if (start > expected) throw new LogCutOff(`${partitionKey(batch)} begins at ${start}, it was read up to ${expected}`);
  }

  private async failed(error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof ModelDiverged || error instanceof ConsumerHalted) {
      log.error({ err: error, subscription: this.processor.name }, 'stopped: needs an operator');
      await inTransaction(this.parts.dataSource, (tx) => this.offsets.stop(tx, reason));
      return this.is('stopped', reason);
    }
    // The consumer logs the failure and restarts from the stored offset.
    if (!this.stopping.signal.aborted && !(error instanceof OffsetLost)) this.reason = reason;
  }
}
