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

/** The dependencies of a runner. */
export interface ChunkRunnerParts {
  readonly dataSource: DataSource;
  readonly kafka: KafkaClient;
  readonly offsets: Offsets;
  /** Identifies this consumer in its offset rows. */
  readonly owner: string;
  /** Called with each offset reached. */
  readonly reached: (position: TopicPartition & { readonly nextOffset: bigint }) => void;
}

const log = logger('consumers');
/** Dead letters sent concurrently: they travel together, so that a batch of nothing but garbage does not take long. */
const lettersAtOnce = 200;
/** Offsets of irrelevant records are stored with the next batch that writes, or after this delay. */
const flushAfterMs = 1000;
/** A record put back because another transaction holds its lock is retried after this delay. */
const putBackMs = 50;

/**
 * Runs the chunks of an owner's partitions: chunks that arrive together share a transaction; faulty ones run record by
 * record.
 */
export class ChunkRunner {
  /** By partition: the offset that this owner last stored, */
  private readonly stored = new Map<string, bigint>();
  /** the offset reached (irrelevant records are not stored at once), */
  private readonly reached = new Map<string, bigint>();
  /** the last record before it, and the topic's id when the partition was claimed. */
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

  /** Partitions were claimed at these offsets, in a log with these topic ids. */
  claimed(offsets: ReadonlyMap<string, bigint>, topicIds: ReadonlyMap<string, string>): void {
    for (const [key, offset] of offsets) {
      this.topicIds.set(key, topicIds.get(partitionOf(key).topic));
      this.stored.set(key, offset);
      this.reached.set(key, offset);
      this.last.delete(key);
    }
  }

  /** The offset of a partition. Throws `OffsetLost` when it was never claimed. */
  offsetOf(key: string): bigint {
    const offset = this.reached.get(key);
    if (offset === undefined) throw new OffsetLost(`${key} was never claimed`);
    return offset;
  }

  /** The offsets last stored in these partitions, by `partitionKey`. */
  storedIn(partitions: readonly TopicPartition[]): ReadonlyMap<string, bigint> {
    const own = new Set(partitions.map(partitionKey));
    return new Map([...this.stored].filter(([key]) => own.has(key)));
  }

  /** Handles a chunk, then whatever was put back, until nothing is left. */
  async finish(chunk: Chunk, signal: AbortSignal): Promise<void> {
    if (isEmpty(chunk)) return this.pass(chunk);
    for (let rest = await this.coalescer.add(chunk); rest; rest = await this.coalescer.add(rest)) {
      await sleep(putBackMs);
      if (signal.aborted) throw new OffsetLost('the assignment is over');
    }
  }

  /** No record in the chunk is relevant: its offset is stored later. */
  private pass({ to, last, topic, partition }: Chunk): void {
    this.reached.set(partitionKey({ topic, partition }), to);
    if (last) this.last.set(partitionKey({ topic, partition }), last);
    this.parts.reached({ topic, partition, nextOffset: to });
    this.flushing ??= setTimeout(() => void this.flush(), flushAfterMs).unref();
  }

  /** Stores the offsets of partitions that met only irrelevant records: together, or each alone if one is lost. */
  async flush(): Promise<void> {
    clearTimeout(this.flushing);
    this.flushing = undefined;
    const behind = [...this.reached].filter(([key, to]) => to !== this.stored.get(key));
    await Promise.all(
      behind.map(([key, to]) =>
        this.coalescer
          .add({ ...partitionOf(key), to, last: this.last.get(key), records: [], deadLetters: [] })
          .catch((error: unknown) => {
            log.debug({ err: error, subscription: this.processor.name, partition: key }, 'an offset was not stored');
          }),
      ),
    );
  }

  private async run(chunks: readonly [Chunk, ...Chunk[]]): Promise<readonly (Chunk | undefined)[]> {
    const [first, ...others] = chunks;
    try {
      await this.commit(chunks);
    } catch (error) {
      // With several partitions, each runs alone first, so that only the faulty one is retried record by record.
      if (others.length > 0 || !(isFaultOfOne(error) || error instanceof Busy)) throw error;
      log.warn({ err: error, batch: partitionKey(first) }, 'a batch failed: handling its records one by one');
      return [await this.oneByOne(first)];
    }
    return chunks.map(() => undefined);
  }

  /**
   * Handles each record in its own transaction. The faulty one is parked; one whose aggregates are locked by others is
   * put back, with all later records of those aggregates. Resolves with the records put back; the offset stays before
   * them.
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

  /** One move for each partition, from the stored offset. */
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
