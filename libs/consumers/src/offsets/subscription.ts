import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedEvent } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import {
  decode,
  partitionKey,
  Undecodable,
  type AssignedPartition,
  type Batch,
  type KafkaClient,
  type ConsumerStatus,
  type DeadLetterNote,
  type IncomingMessage,
  type RunningConsumer,
  type TopicPartition,
} from '@tradecore/messaging';
import { logger, runInContext, traced } from '@tradecore/telemetry';
import type { DataSource } from 'typeorm';
import { ConsumerHalted, isDataError, LogCutOff, ModelDiverged, OffsetLost } from './errors.ts';
import { BatchCoalescer } from './batch-coalescer.ts';
import { showBacklogAge } from './backlog-age.ts';
import { inTransaction } from './transaction.ts';
import { Offsets, type Unusable } from './offsets.ts';

/** A record that is an event. */
export interface EventRecord {
  readonly event: RecordedEvent;
  readonly message: IncomingMessage;
}

/** A record that could not be handled, and what is said about it. */
export interface DeadLetter {
  readonly message: IncomingMessage;
  readonly note: Omit<DeadLetterNote, 'group'>;
}

/** What a batch came to inside its transaction. */
export interface Handled {
  /** Sent before the transaction, and with it the new offset, is committed. */
  readonly deadLetters: readonly DeadLetter[];
  /** Called once the transaction is committed: figures and hints. Must not throw. */
  readonly committed: (seconds: number) => void;
}

/** What a subscription does. A projector is one kind of work; sagas and command consumers differ in `handle` and in how they start. */
export interface BatchProcessor {
  /** Name of the consumer group; without namespace. */
  readonly name: string;
  readonly topics: readonly string[];
  /** Where its offsets are kept, */
  readonly schema: string;
  /** and the table there whose one row says on which log they are and whether it is stopped. */
  readonly state: 'projection' | 'consumer';
  /** Called once before the first record. */
  open(): Promise<void>;
  /** Changes the database for these events, of one partition or several, inside the transaction that also moves the offsets. `isolated`: PostgreSQL refused a value just now. */
  handle(tx: Transaction, records: readonly EventRecord[], isolated: boolean): Promise<Handled>;
  /** Called every two seconds while it runs: for what operators ask. */
  poll(): Promise<void>;
  /** Makes offsets usable, on this log. False when somebody else is at it. */
  build(why: Unusable, log: string): Promise<boolean>;
}

/** How a subscription is doing. */
export interface SubscriptionStatus {
  readonly name: string;
  /** `building`: from the store. `waiting`: somebody else builds. `stopped`: by a fault that needs an operator; see `reason`. */
  readonly state: 'starting' | 'building' | 'waiting' | 'running' | 'stopped' | 'closed';
  /** Why it is stopped, or what failed last and has not succeeded since. */
  readonly reason?: string | undefined;
  /** Milliseconds since the oldest batch in hand was taken up; 0 when none is. */
  readonly backlogAgeMs: number;
  readonly consumer?: ConsumerStatus | undefined;
}

/** Where a subscription runs. */
export interface SubscriptionParts {
  readonly dataSource: DataSource;
  readonly kafka: KafkaClient;
  /** Milliseconds between two looks at a projection that is stopped or built by another; 500 when absent. */
  readonly lookAgainMs?: number;
}

const log = logger('consumers');
const watchEveryMs = 2000;
/** Records of one transaction, unless one fetch brought more of a partition: what is locked in it, and kept in memory, has a bound. */
const recordsAtOnce = 500;
/** Dead letters on their way at the same time: they travel together, and a batch of nothing but garbage must not hold its transaction open for long. */
const lettersAtOnce = 200;

/**
 * Consumes topics with offsets kept in PostgreSQL: the batches of a fetch are one transaction that locks their offsets first, compares each
 * with what this owner last wrote, does the work and moves the offsets. Whatever fails is rolled back and begins again from the stored offset.
 */
export class Subscription {
  private readonly owner = randomUUID();
  private readonly offsets: Offsets;
  private readonly mine = new Map<string, bigint>();
  private readonly inHand = new Map<string, number>();
  private readonly joined = new BatchCoalescer<Contents>(
    (batches) => this.inItsTrace(batches),
    recordsAtOnce,
    ({ records }) => records.length,
  );
  private readonly stopping = new AbortController();
  private assignment = new AbortController();
  private isWatching = false;
  private watching: NodeJS.Timeout | undefined;
  private state: SubscriptionStatus['state'] = 'starting';
  private reason: string | undefined;
  private consumer: RunningConsumer | undefined;

  constructor(
    private readonly work: BatchProcessor,
    private readonly parts: SubscriptionParts,
  ) {
    this.offsets = new Offsets(work.schema, work.topics, work.state);
    showBacklogAge(work.name, () => this.status().backlogAgeMs / 1000);
  }

  /** Opens the work and joins the group. Resolves when the consumer is running, not when it has caught up. */
  async start(): Promise<void> {
    await this.work.open();
    this.consumer = this.parts.kafka.runConsumer({
      group: this.work.name,
      topics: this.work.topics,
      // Every partition of a fetch joins the same transaction: none has to wait for a free hand.
      concurrency: 64,
      positions: (assigned) => this.claim(assigned),
      onBatch: (batch) => this.onBatch(batch),
      onRevoked: () => this.revoked(),
    });
    this.watching = setInterval(() => void this.watch(), watchEveryMs).unref();
  }

  /** Finishes the batches in flight, leaves the group. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.assignment.abort();
    clearInterval(this.watching);
    await this.consumer?.stop();
    this.state = 'closed';
  }

  /** An operator may have asked for a rebuild while no record comes in, or for something that the work knows. */
  private async watch(): Promise<void> {
    if (this.state !== 'running' || this.isWatching) return;
    this.isWatching = true;
    try {
      if (await this.offsets.rebuildAsked(this.parts.dataSource)) this.consumer?.reposition();
      else await this.work.poll();
    } catch (error) {
      log.warn({ err: error, subscription: this.work.name }, 'what operators ask could not be looked up or done');
    } finally {
      this.isWatching = false;
    }
  }

  status(): SubscriptionStatus {
    const oldest = Math.min(...this.inHand.values());
    return {
      name: this.work.name,
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

  /** Becomes the owner of partitions; builds first where the store has to fill in, waits where another does. */
  private async claim(assigned: readonly AssignedPartition[]): Promise<ReadonlyMap<string, bigint>> {
    const { signal } = this.assignment;
    for (let ends = assigned, looks = 1; !signal.aborted; ends = await this.measure(assigned), looks += 1) {
      const where = await this.logName();
      const claim = await inTransaction(this.parts.dataSource, (tx) => this.offsets.claim(tx, ends, this.owner, where));
      if (claim.state === 'claimed') {
        for (const [key, next] of claim.offsets) this.mine.set(key, next);
        this.is('running');
        return claim.offsets;
      }
      if (claim.state === 'stopped') await this.wait('stopped', signal, claim.reason);
      else if (claim.state === 'builder-at-work') await this.wait('waiting', signal);
      // An end measured before the last owner's last batch lies below its offset: measured again before it counts.
      else if (claim.why === 'beyond-log' && looks === 1) continue;
      else if (!(await this.build(claim.why, where))) await this.wait('waiting', signal);
    }
    throw new OffsetLost('the assignment is over');
  }

  private async measure(partitions: readonly TopicPartition[]): Promise<AssignedPartition[]> {
    const { kafka } = this.parts;
    return Promise.all(
      partitions.map(async ({ topic, partition }) => ({
        topic,
        partition,
        startOffset: (await kafka.startOffsets(topic)).get(partition) ?? 0n,
        endOffset: (await kafka.endOffsets(topic)).get(partition) ?? 0n,
      })),
    );
  }

  private is(state: SubscriptionStatus['state'], reason?: string): void {
    if (this.state !== state) log.info({ subscription: this.work.name, state, reason }, 'subscription');
    this.state = state;
    this.reason = reason;
  }

  private async wait(state: 'waiting' | 'stopped', signal: AbortSignal, reason?: string): Promise<void> {
    this.is(state, reason);
    await sleep(this.parts.lookAgainMs ?? 500, undefined, { signal }).catch(() => undefined);
  }

  private async build(why: Unusable, where: string): Promise<boolean> {
    this.is('building', why);
    try {
      return await this.work.build(why, where);
    } catch (error) {
      await this.failed(error);
      throw error;
    }
  }

  /** Offsets count in one log: that of this cluster under this namespace. */
  private async logName(): Promise<string> {
    return `${await this.parts.kafka.clusterId()}/${this.parts.kafka.namespace}`;
  }

  private async onBatch(batch: Batch): Promise<void> {
    const key = partitionKey(batch);
    const expected = this.mine.get(key);
    if (expected === undefined) throw new OffsetLost(`${key} was never claimed`);
    if (batch.nextOffset <= expected) return;
    this.inHand.set(key, this.inHand.get(key) ?? performance.now());
    try {
      if (batch.firstOffset > expected) await this.mustReachBackTo(batch, expected);
      await this.joined.add(this.contentsOf(batch, expected));
      this.inHand.delete(key);
      if (this.state === 'running') this.reason = undefined;
    } catch (error) {
      if (error instanceof OffsetLost) this.inHand.delete(key);
      await this.failed(error);
      throw error;
    }
  }

  /** Offsets are missing before the batch: markers of transactions, or records that were deleted before they were read. */
  private async mustReachBackTo(batch: Batch, expected: bigint): Promise<void> {
    const start = (await this.parts.kafka.startOffsets(batch.topic)).get(batch.partition) ?? 0n;
    if (start > expected) throw new LogCutOff(`${partitionKey(batch)} begins at ${start}, it was read up to ${expected}`);
  }

  /** What is in a batch, from the stored offset on. */
  private contentsOf(batch: Batch, from: bigint): Contents {
    const records: EventRecord[] = [];
    const deadLetters: DeadLetter[] = [];
    for (const message of batch.messages) {
      if (message.offset < from) continue;
      const event = decode(message);
      if (event instanceof Undecodable) deadLetters.push(undecodable(message, event));
      else records.push({ event, message });
    }
    return { batch, from, records, deadLetters };
  }

  /** The SQL of batches belongs to the trace of their first event; the others' traces get a span that names the batch. */
  private async inItsTrace(batches: readonly Contents[]): Promise<void> {
    const records = batches.flatMap((each) => each.records);
    const first = records[0]?.event;
    const step = `${this.work.name} batch`;
    const run = () => this.commit(batches, records);
    if (!first) return run();
    const { traceparent } = first.metadata;
    const context = {
      correlationId: first.correlationId ?? first.id,
      causationId: first.id,
      ...(traceparent && { traceparent }),
    };
    await runInContext(context, () =>
      traced(step, run, { ...(traceparent && { traceparent }), attributes: { events: records.length } }),
    );
    await markTraces(step, records, traceparent);
  }

  private async commit(batches: readonly Contents[], records: readonly EventRecord[], isolated = false): Promise<void> {
    const started = performance.now();
    try {
      const handled = await inTransaction(this.parts.dataSource, (tx) => this.inTransaction(tx, batches, { records, isolated }));
      for (const { batch } of batches) {
        this.mine.set(partitionKey(batch), batch.nextOffset);
        this.consumer?.hint(batch);
      }
      handled.committed((performance.now() - started) / 1000);
    } catch (error) {
      // Of several batches each runs alone first, so that only the one with the value goes one by one.
      if (!isDataError(error) || isolated || batches.length > 1) throw error;
      log.warn(
        { err: error, batch: partitionKey((batches[0] as Contents).batch) },
        'a value was refused: the batch goes one by one',
      );
      await this.commit(batches, records, true);
    }
  }

  private async inTransaction(
    tx: Transaction,
    batches: readonly Contents[],
    { records, isolated }: { readonly records: readonly EventRecord[]; readonly isolated: boolean },
  ): Promise<Handled> {
    const moves = batches.map(({ batch: { topic, partition, nextOffset: to }, from }) => ({ topic, partition, from, to }));
    await this.offsets.advance(tx, moves, this.owner);
    const handled = await this.work.handle(tx, records, isolated);
    await this.deadLetter([...batches.flatMap(({ deadLetters }) => deadLetters), ...handled.deadLetters]);
    return handled;
  }

  private async deadLetter(letters: readonly DeadLetter[]): Promise<void> {
    const group = this.work.name;
    for (let from = 0; from < letters.length; from += lettersAtOnce) {
      const some = letters.slice(from, from + lettersAtOnce);
      await Promise.all(some.map(({ message, note }) => this.parts.kafka.deadLetter(message, { group, ...note })));
    }
  }

  private async failed(error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof ModelDiverged || error instanceof ConsumerHalted) {
      log.error({ err: error, subscription: this.work.name }, 'stopped: it needs an operator');
      await inTransaction(this.parts.dataSource, (tx) => this.offsets.stop(tx, reason));
      return this.is('stopped', reason);
    }
    // The consumer logs what failed, and begins again from the stored offset.
    if (!this.stopping.signal.aborted && !(error instanceof OffsetLost)) this.reason = reason;
  }
}

/** A batch, decoded. */
interface Contents {
  readonly batch: Batch;
  /** The offset before it. */
  readonly from: bigint;
  readonly records: readonly EventRecord[];
  readonly deadLetters: readonly DeadLetter[];
}

const undecodable = (message: IncomingMessage, { reason, detail }: Undecodable): DeadLetter => ({
  message,
  note: { reason: 'undecodable', detail: `${reason}: ${detail}`, attempts: 1 },
});

/** More traces than this in one batch are a backlog: nobody waits for them. */
const maxTraces = 32;

async function markTraces(step: string, records: readonly EventRecord[], first: string | undefined): Promise<void> {
  const others = new Set(records.flatMap(({ event }) => event.metadata.traceparent ?? []));
  if (first !== undefined) others.delete(first);
  if (others.size > maxTraces) return;
  for (const traceparent of others) await traced(step, async () => undefined, { traceparent });
}
