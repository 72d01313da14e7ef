import { setTimeout as delay } from 'node:timers/promises';
import { logger } from '@tradecore/telemetry';
import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload } from 'kafkajs';
import type { Client } from '../wire/client.ts';
import { batchOf, type AssignedPartition, type ConsumerOptions } from './consumer.ts';
import { isType } from '../wire/kafka-errors.ts';
import type { Lag } from './lag.ts';
import { partitionKey, type TopicPartition } from '../message.ts';
import { batchFailuresTotal, consumedTotal, rebalancesTotal } from '../metrics.ts';
import type { Names } from '../names.ts';

const log = logger('consumer');

/**
 * `maxWaitMs` does not delay data (a fetch returns with the first byte). It bounds how soon a rebalance, a resume or a
 * stop takes effect, because kafkajs waits for the fetch in flight. After a second without data a fetch waits 500 ms:
 * see `restWhenIdle`.
 */
const heartbeatMs = 1_000;
const maxWaitMs = 100;
const rebalanceTimeoutMs = 15_000;
/** How long a dead member keeps its partitions. */
const sessionTimeoutMs = 6_000;
/** A larger record is fetched alone. */
const maxBytesPerPartition = 512 * 1024;
const hintEveryMs = 500;
const joinGraceMs = 1_500;
const backOff = { firstMs: 100, maxMs: 5_000 };

/** The wait before a failed batch is repeated: 100 ms, doubled each time up to 5 s, with 20 % jitter. */
const backOffMs = (attempt: number): number =>
  Math.min(backOff.firstMs * 2 ** attempt, backOff.maxMs) * (0.8 + Math.random() * 0.4);

/** What a group member shares with its supervisor. */
export interface MemberContext {
  readonly client: Client;
  readonly names: Names;
  readonly options: ConsumerOptions;
  /** The group's label in metrics. */
  readonly label: string;
  readonly lag: Lag;
  /** Log start and last stable offset of each partition. */
  readonly ends: (partitions: readonly TopicPartition[]) => Promise<AssignedPartition[]>;
  readonly onState: (state: 'joined' | 'rebalancing') => void;
  readonly onError: (error: unknown) => void;
}

/** One kafkajs consumer in its group, from joining to leaving or crashing. */
export class GroupMember {
  assignment: readonly TopicPartition[] = [];
  lastHeartbeatAt = 0;
  /** Never rejects: resolves with the error when the consumer has died. */
  readonly died: Promise<Error>;
  readonly #consumer: Consumer;
  readonly #hints = new Map<string, TopicPartition & { nextOffset: bigint }>();
  /**
   * The offset that the next fetch of a partition must start at; a batch fetched from another offset predates a seek.
   * Absent while the position is unknown.
   */
  readonly #expected = new Map<string, bigint>();
  /** The latest positioning of each partition: an older one neither seeks nor resumes. */
  readonly #positioning = new Map<string, symbol>();
  readonly #attempts = new Map<string, number>();
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #timers: NodeJS.Timeout[] = [];
  #generation = 0;
  #owned = false;
  #stopping = false;
  #alive = false;
  #left = false;
  #heartbeat: (() => Promise<void>) | undefined;
  /** The group's error that makes this member rejoin; passed to kafkajs once the batches in flight are done. */
  #lost: unknown;

  constructor(private readonly context: MemberContext) {
    const { client, names, options } = context;
    this.#consumer = client.kafka.consumer({
      groupId: names.onBroker(options.group),
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      heartbeatInterval: heartbeatMs,
      maxWaitTimeInMs: maxWaitMs,
      minBytes: 1,
      maxBytesPerPartition,
      allowAutoTopicCreation: false,
      readUncommitted: false,
      retry: { initialRetryTime: 50, multiplier: 2, maxRetryTime: 1_000, retries: 8, restartOnFailure: async () => false },
    });
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.died = promise;
    this.#listen(resolve);
  }

  /** Joins and consumes. Resolves when running; on failure it rejects or `died` resolves. */
  async start(): Promise<void> {
    const { names, options } = this.context;
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: options.topics.map((topic) => names.onBroker(topic)), fromBeginning: true });
    this.#timers.push(
      setInterval(() => void this.#sendHints(), hintEveryMs),
      setInterval(() => this.#beat(), heartbeatMs / 2),
    );
    this.#alive = true;
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: options.concurrency ?? 6,
      eachBatch: (payload) => this.#onBatch(payload),
    });
  }

  reposition(partitions: readonly TopicPartition[] = this.assignment): void {
    const mine = new Set(this.assignment.map(partitionKey));
    if (this.#owned)
      void this.#position(
        partitions.filter((each) => mine.has(partitionKey(each))),
        this.#generation,
      );
  }

  hint(position: TopicPartition & { nextOffset: bigint }): void {
    if (this.context.options.hints ?? true) this.#hints.set(partitionKey(position), position);
  }

  commit(position: TopicPartition & { nextOffset: bigint }): Promise<void> {
    return this.#commit([position]);
  }

  /** Finishes batches in flight, leaves the group, closes. Never throws. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#settle();
    await Promise.allSettled(this.#inFlight.values());
    await this.#sendHints();
    this.#revoke();
    this.#timers.forEach(clearInterval);
    this.#left = true;
    await Promise.race([this.#consumer.disconnect().catch(this.context.onError), delay(5_000, undefined, { ref: false })]);
    this.context.client.cut();
  }

  /**
   * Waits briefly for a join in progress: a member that leaves during a join stays in the group as a ghost until its
   * session times out.
   */
  async #settle(): Promise<void> {
    for (let waited = 0; !this.#owned && this.#alive && waited < joinGraceMs; waited += 20) await delay(20);
  }

  #listen(died: (error: Error) => void): void {
    const { events } = this.#consumer;
    this.#consumer.on(events.GROUP_JOIN, (event) => this.#onJoin(event));
    this.#consumer.on(events.REBALANCING, () => this.#onRebalancing());
    this.#consumer.on(events.HEARTBEAT, () => void (this.lastHeartbeatAt = Date.now()));
    this.#consumer.on(events.START_BATCH_PROCESS, ({ payload: { topic, partition, batchSize, lastOffset, highWatermark } }) => {
      if (batchSize > 0) return;
      const position = { topic: this.context.names.ours(topic), partition, nextOffset: BigInt(lastOffset) + 1n };
      this.#expected.set(partitionKey(position), position.nextOffset);
      this.hint(position);
      this.context.lag.show(position, BigInt(highWatermark) - position.nextOffset);
      this.#tell(() => this.context.options.onPassed?.(position));
    });
    this.#consumer.on(events.CRASH, ({ payload: { error } }) => {
      this.#alive = false;
      this.#revoke();
      this.#timers.forEach(clearInterval);
      died(error);
    });
  }

  /** Runs synchronously inside kafkajs's join, so that nothing is fetched before the pause. */
  #onJoin({ payload: { memberAssignment } }: ConsumerGroupJoinEvent): void {
    if (this.#left) return; // the join took longer than `stop` waited for it
    this.#revoke();
    this.#generation += 1;
    this.#owned = true;
    this.#lost = undefined;
    this.#expected.clear();
    this.#attempts.clear();
    this.lastHeartbeatAt = Date.now();
    rebalancesTotal.inc({ group: this.context.label });
    this.assignment = Object.entries(memberAssignment).flatMap(([topic, partitions]) =>
      (partitions as number[]).map((partition) => ({ topic: this.context.names.ours(topic), partition })),
    );
    this.context.lag.keepOnly(this.assignment);
    this.context.onState('joined');
    void this.#position(this.assignment, this.#generation);
  }

  #onRebalancing(): void {
    this.#revoke();
    this.context.onState('rebalancing');
  }

  #revoke(): void {
    if (!this.#owned) return;
    this.#owned = false;
    const revoked = this.assignment;
    this.assignment = [];
    this.#tell(() => this.context.options.onRevoked?.(revoked));
  }

  /** An error in a listener must not reach kafkajs. */
  #tell(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.context.onError(error);
      log.error({ err: error }, 'consumer listener failed');
    }
  }

  #isCurrent = (generation: number): boolean =>
    this.#owned && !this.#stopping && this.#lost === undefined && generation === this.#generation;

  /**
   * Asks where to resume, after a wait, and seeks there; the partitions are paused meanwhile. Repeats until it succeeds
   * or they are no longer ours.
   */
  async #position(partitions: readonly TopicPartition[], generation: number, waitMs = 0): Promise<void> {
    if (partitions.length === 0) return;
    const run = Symbol('positioning');
    for (const each of partitions) {
      this.#expected.delete(partitionKey(each));
      this.#positioning.set(partitionKey(each), run);
    }
    this.#consumer.pause(this.#onBroker(partitions));
    const isOurs = (each: TopicPartition): boolean =>
      this.#isCurrent(generation) && this.#positioning.get(partitionKey(each)) === run;
    if (waitMs > 0) await delay(waitMs, undefined, { ref: false });
    for (let attempt = 0; partitions.some(isOurs); attempt += 1) {
      const ours = partitions.filter(isOurs);
      try {
        await Promise.allSettled(ours.map((each) => this.#inFlight.get(partitionKey(each))));
        const assigned = await this.context.ends(ours);
        const positions = await this.context.options.positions(assigned);
        this.#goOn(assigned.filter(isOurs), positions);
        return;
      } catch (error) {
        this.context.onError(error);
        log.warn({ err: error, group: this.context.options.group }, 'positions unknown; asking again');
      }
      await delay(backOffMs(attempt), undefined, { ref: false });
    }
  }

  #goOn(assigned: readonly AssignedPartition[], positions: ReadonlyMap<string, bigint>): void {
    if (assigned.length === 0) return;
    for (const each of assigned) {
      const offset = positions.get(partitionKey(each)) ?? each.startOffset;
      this.#expected.set(partitionKey(each), offset);
      this.context.lag.show(each, each.endOffset - offset);
      this.#consumer.seek({ topic: this.context.names.onBroker(each.topic), partition: each.partition, offset: String(offset) });
    }
    this.#tell(() => this.context.options.onAssigned?.(assigned));
    this.#consumer.resume(this.#onBroker(assigned));
  }

  #onBroker = (partitions: readonly TopicPartition[]) =>
    partitions.map(({ topic, partition }) => ({ topic: this.context.names.onBroker(topic), partitions: [partition] }));

  /**
   * A handler's error would crash kafkajs, so it never leaves here: the offset stays unresolved and the partition is
   * repositioned.
   */
  async #onBatch(payload: EachBatchPayload): Promise<void> {
    const where = { topic: this.context.names.ours(payload.batch.topic), partition: payload.batch.partition };
    const key = partitionKey(where);
    const generation = this.#generation;
    this.#heartbeat = payload.heartbeat;
    if (this.#lost !== undefined) throw this.#lost;
    const expected = this.#expected.get(key);
    if (!this.#isCurrent(generation) || expected === undefined) return;
    // kafkajs sets `fetchedOffset` on its batches; its types omit it.
    const { fetchedOffset } = payload.batch as unknown as { fetchedOffset: string };
    if (expected !== BigInt(fetchedOffset)) {
      void this.#position([where], generation);
      return;
    }
    const handled = this.#handle(payload, where, generation);
    this.#inFlight.set(key, handled);
    await handled.finally(() => this.#inFlight.delete(key));
    if (this.#lost !== undefined) throw this.#lost;
  }

  async #handle(payload: EachBatchPayload, where: TopicPartition, generation: number): Promise<void> {
    const key = partitionKey(where);
    const { group, onBatch } = this.context.options;
    const batch = batchOf(payload, where, () => !this.#isCurrent(generation) || payload.isStale());
    try {
      await onBatch(batch);
    } catch (error) {
      batchFailuresTotal.inc({ group: this.context.label });
      this.context.onError(error);
      log.warn({ err: error, group, ...where, offset: String(batch.firstOffset) }, 'batch failed; repeating it');
      if (this.#isCurrent(generation)) this.#repeatLater(where, generation);
      return;
    }
    consumedTotal.inc({ group: this.context.label, topic: where.topic }, batch.messages.length);
    this.#attempts.delete(key);
    if (!this.#isCurrent(generation) || !this.#expected.has(key)) return;
    this.#expected.set(key, batch.nextOffset);
    payload.resolveOffset(payload.batch.lastOffset());
    this.context.lag.show(where, batch.highWatermark - batch.nextOffset);
  }

  #repeatLater(where: TopicPartition, generation: number): void {
    const key = partitionKey(where);
    const attempt = this.#attempts.get(key) ?? 0;
    this.#attempts.set(key, attempt + 1);
    void this.#position([where], generation, backOffMs(attempt));
  }

  /** Sends heartbeats while a handler works; kafkajs sends them only between batches. */
  #beat(): void {
    if (this.#inFlight.size === 0 || !this.#heartbeat) return;
    this.#heartbeat().catch((error: unknown) => {
      const lost = isType(error, 'REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'NOT_COORDINATOR_FOR_GROUP');
      if (lost) this.#lost ??= error;
      else this.context.onError(error);
    });
  }

  async #sendHints(): Promise<void> {
    const mine = new Set(this.assignment.map(partitionKey));
    const hints = [...this.#hints.values()].filter((each) => mine.has(partitionKey(each)));
    this.#hints.clear();
    if (!this.#owned || hints.length === 0) return;
    await this.#commit(hints).catch((error: unknown) => log.debug({ err: error }, 'hint not committed'));
  }

  #commit(positions: readonly (TopicPartition & { nextOffset: bigint })[]): Promise<void> {
    const { names } = this.context;
    return this.#consumer.commitOffsets(
      positions.map(({ topic, partition, nextOffset }) => ({
        topic: names.onBroker(topic),
        partition,
        offset: String(nextOffset),
      })),
    );
  }
}
