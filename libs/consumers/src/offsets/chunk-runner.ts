import { setTimeout as sleep } from 'node:timers/promises';
import { Busy, type Transaction } from '@tradecore/event-sourcing';
import {
  markOf,
  partitionKey,
  partitionOf,
  type IncomingMessage,
  type KafkaClient,
  type TopicPartition,
} from '@tradecore/messaging';
import { heartbeat, logger, type Attempt } from '@tradecore/telemetry';
import type { DataSource } from 'typeorm';
import { BatchCoalescer } from './batch-coalescer.ts';
import type { BatchProcessor, DeadLetter, EventRecord } from './batch-processor.ts';
import { isEmpty, type Chunk } from './chunks.ts';
import { isFaultOfOne, OffsetLost } from './errors.ts';
import type { Move, Offsets } from './offsets.ts';
import { inTraceOf } from './traces.ts';
import { inTransaction } from './transaction.ts';

/** What a runner works with. */
export interface ChunkRunnerParts {
  readonly dataSource: DataSource;
  readonly kafka: KafkaClient;
  readonly offsets: Offsets;
  /** Names this consumer in the rows of its offsets. */
  readonly owner: string;
  /** Called with each offset that was reached. */
  readonly reached: (position: TopicPartition & { readonly nextOffset: bigint }) => void;
}

const log = logger('consumers');
/** Dead letters on their way at the same time: they travel together, and a batch of nothing but garbage must not take long. */
const lettersAtOnce = 200;
/** What means nothing moves its offset with the next batch that writes, or after this long. */
const flushAfterMs = 1000;
/** What was put back, for a lock that another transaction has, comes again after this long. */
const putBackMs = 50;

/** Runs the chunks of an owner's partitions: those that come together in one transaction, those with a fault one record at a time. */
export class ChunkRunner {
  /** By partition: the offset as this owner last stored it, */
  private readonly stored = new Map<string, bigint>();
  /** where it is: what means nothing is not stored at once, */
  private readonly reached = new Map<string, bigint>();
  /** the last record before that, and the id that the topic had when the partition was claimed. */
  private readonly last = new Map<string, IncomingMessage>();
  private readonly topicIds = new Map<string, string | undefined>();
  private readonly coalescer: BatchCoalescer<Chunk, Chunk | undefined>;
  private readonly attempt: Attempt;
  private flushing: NodeJS.Timeout | undefined;

  constructor(
    private readonly processor: BatchProcessor,
    private readonly parts: ChunkRunnerParts,
  ) {
    this.attempt = heartbeat(processor.name);
    this.coalescer = new BatchCoalescer(
      (chunks) => this.run(chunks),
      processor.maxRecords,
      ({ records }) => records.length,
    );
  }

  /** Partitions were claimed at these offsets, in a log whose topics have these ids. */
  claimed(offsets: ReadonlyMap<string, bigint>, topicIds: ReadonlyMap<string, string>): void {
    for (const [key, offset] of offsets) {
      this.topicIds.set(key, topicIds.get(partitionOf(key).topic));
      this.stored.set(key, offset);
      this.reached.set(key, offset);
      this.last.delete(key);
    }
  }

  /** Where a partition is. Throws `OffsetLost` when it was never claimed. */
  offsetOf(key: string): bigint {
    const offset = this.reached.get(key);
    if (offset === undefined) throw new OffsetLost(`${key} was never claimed`);
    return offset;
  }

  /** Handles a chunk, and what of it was put back, until nothing is left. */
  async finish(chunk: Chunk, signal: AbortSignal): Promise<void> {
    if (isEmpty(chunk)) return this.pass(chunk);
    for (let rest = await this.coalescer.add(chunk); rest; rest = await this.coalescer.add(rest)) {
      await sleep(putBackMs);
      if (signal.aborted) throw new OffsetLost('the assignment is over');
    }
  }

  /** Nothing in it means anything: where the partition goes on is stored later. */
  private pass({ to, last, topic, partition }: Chunk): void {
    this.reached.set(partitionKey({ topic, partition }), to);
    if (last) this.last.set(partitionKey({ topic, partition }), last);
    this.parts.reached({ topic, partition, nextOffset: to });
    this.flushing ??= setTimeout(() => {
      this.flushing = undefined;
      this.flush().catch((error: unknown) => log.debug({ err: error }, 'offsets of what means nothing were not stored'));
    }, flushAfterMs).unref();
  }

  /** Stores where partitions are that only met what means nothing. Each on its own: one that is another's by now must not hold up the rest. */
  async flush(): Promise<void> {
    clearTimeout(this.flushing);
    this.flushing = undefined;
    for (const [key, to] of this.reached) {
      if (to === this.stored.get(key)) continue;
      await this.coalescer
        .add({ ...partitionOf(key), to, last: this.last.get(key), records: [], deadLetters: [] })
        .catch((error: unknown) => {
          log.debug({ err: error, subscription: this.processor.name, partition: key }, 'an offset was not stored');
        });
    }
  }

  private async run(chunks: readonly [Chunk, ...Chunk[]]): Promise<readonly (Chunk | undefined)[]> {
    const [first, ...others] = chunks;
    try {
      await this.commit(chunks);
    } catch (error) {
      // Of several partitions each runs alone first, so that only the one with the fault goes one by one.
      if (others.length > 0 || !(isFaultOfOne(error) || error instanceof Busy)) throw error;
      log.warn({ err: error, batch: partitionKey(first) }, 'a batch goes one by one');
      return [await this.oneByOne(first)];
    }
    return chunks.map(() => undefined);
  }

  /**
   * Each record in a transaction of its own: the one at fault is parked, the one whose aggregates are locked by others is put back, with all
   * others that concern them. Resolves with what was put back; the offset stands before it.
   */
  private async oneByOne(chunk: Chunk): Promise<Chunk | undefined> {
    const putBack: EventRecord[] = [];
    const busy = new Set<string>();
    for (const record of chunk.records) {
      const ids = this.processor.idsOf(record.event) ?? [];
      const moves = putBack.length === 0;
      const to = moves ? record.message.offset + 1n : (this.stored.get(partitionKey(chunk)) ?? chunk.to);
      const last = moves ? record.message : undefined;
      if (!ids.some((id) => busy.has(id)) && (await this.alone({ ...chunk, to, last, records: [record], deadLetters: [] })))
        continue;
      putBack.push(record);
      for (const id of ids) busy.add(id);
    }
    if (putBack.length > 0) return { ...chunk, records: putBack, deadLetters: [] };
    await this.commit([{ ...chunk, records: [] }]);
    return undefined;
  }

  /** False when it has to be put back. */
  private async alone(chunk: Chunk): Promise<boolean> {
    try {
      await this.commit([chunk]).catch((error: unknown) => {
        if (!isFaultOfOne(error)) throw error;
        return this.commit([chunk], true);
      });
      return true;
    } catch (error) {
      if (error instanceof Busy) return false;
      throw error;
    }
  }

  private commit(chunks: readonly Chunk[], isolated = false): Promise<void> {
    return this.attempt(() => this.commitNow(chunks, isolated));
  }

  private async commitNow(chunks: readonly Chunk[], isolated: boolean): Promise<void> {
    const { dataSource, offsets, owner } = this.parts;
    const records = chunks.flatMap((chunk) => chunk.records);
    const moves = this.movesOf(chunks);
    const moveOffsets = (tx: Transaction): Promise<void> => offsets.advance(tx, moves, owner);
    const deadLetter = (letters: readonly DeadLetter[]): Promise<void> => this.deadLetter(letters);
    await deadLetter(chunks.flatMap(({ deadLetters }) => deadLetters));
    if (records.length === 0) await inTransaction(dataSource, moveOffsets);
    else {
      await inTraceOf(`${this.processor.name} batch`, records, () =>
        this.processor.handle({ records, isolated, moveOffsets, move: offsets.move(moves, owner), deadLetter }),
      );
    }
    for (const move of moves) this.moved(move);
  }

  private moved({ topic, partition, to }: Move): void {
    const key = partitionKey({ topic, partition });
    this.stored.set(key, to);
    if ((this.reached.get(key) ?? 0n) < to) this.reached.set(key, to);
    this.parts.reached({ topic, partition, nextOffset: to });
  }

  /** One for each partition, from what is stored. */
  private movesOf(chunks: readonly Chunk[]): Move[] {
    const moves = new Map<string, Move>();
    for (const { topic, partition, to, last } of chunks) {
      const key = partitionKey({ topic, partition });
      const from = this.stored.get(key);
      if (from === undefined) throw new OffsetLost(`${key} was never claimed`);
      const known = moves.get(key) ?? { topic, partition, from, to: from };
      moves.set(key, to > known.to ? { ...known, to, mark: last && markOf(this.topicIds.get(key), last) } : known);
    }
    return [...moves.values()];
  }

  private async deadLetter(letters: readonly DeadLetter[]): Promise<void> {
    const group = this.processor.name;
    for (let from = 0; from < letters.length; from += lettersAtOnce) {
      const some = letters.slice(from, from + lettersAtOnce);
      await Promise.all(some.map(({ message, note }) => this.parts.kafka.deadLetter(message, { group, ...note })));
    }
  }
}
