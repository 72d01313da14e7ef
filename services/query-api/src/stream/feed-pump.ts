import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { resyncReasons, type FeedEntryResponse } from '@tradecore/api';
import { feedAfter, feedHeads, feedTraces, type FeedPosition } from '@tradecore/read-models';
import { tokens } from '@tradecore/service';
import { counter, heartbeat, histogram, isTracing, logger, tracedBatch } from '@tradecore/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import type { QueryConfig } from '../settings.ts';

/** A reader of a feed. It receives entries in order, each once, without gaps. */
export interface FeedReader {
  readonly accountId: string;
  /** Reads are shared fairly between subjects, so that one long replay does not delay the others. */
  readonly subject: string;
  /** The last entry that it received. */
  position: FeedPosition;
  /** False while it can't take more; asked again at the next poll. */
  canTake(): boolean;
  /** An error is logged; the next poll delivers the same entries again. */
  take(entries: readonly FeedEntryResponse[]): Promise<void> | void;
  /** The entries after its position are gone; it continues from `position`, which was set to the current end. */
  resync(reason: (typeof resyncReasons)[number]): void;
}

/** Milliseconds between polls: the most that an entry is late if its hint is lost. */
const pollInterval = 100;
/** Entries per read for one reader; other readers have their turn in between. */
const sliceSize = 200;
/** Accounts per statement of a poll. */
const pollSize = 5000;

const log = logger('feed-pump');
const delivered = counter({ name: 'tradecore_stream_entries_total', help: 'Feed entries sent to readers.' });
const resyncs = counter({
  name: 'tradecore_stream_resyncs_total',
  help: 'Readers that had to resync, by reason.',
  labels: { reason: resyncReasons },
});
const polls = histogram({
  name: 'tradecore_stream_poll_seconds',
  help: 'Seconds to read the feed heads of all accounts with readers.',
});

/** Why a reader at `position` must resync, given the end of the feed and the first entry after the position. */
function brokenBy(
  position: FeedPosition,
  head: FeedPosition,
  first: FeedEntryResponse | undefined,
): (typeof resyncReasons)[number] | undefined {
  if (head.epoch !== position.epoch) return 'other-epoch';
  if (head.sequence < position.sequence) return 'ahead';
  if (head.sequence > position.sequence && first?.sequence !== position.sequence + 1) return 'gone';
  return undefined;
}

/**
 * Delivers account feeds to the readers in this process. It reads after a hint, and polls the heads of all accounts
 * with readers every 100 ms: hints make it fast, polls make it reliable.
 */
@Injectable()
export class FeedPump implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #readers = new Map<string, Set<FeedReader>>();
  /** Readers with new entries, by subject in the order of their turns. */
  readonly #due = new Map<string, Set<FeedReader>>();
  readonly #busy = new Set<FeedReader>();
  readonly #stop = new AbortController();
  readonly #attempt = heartbeat('feed-pump');
  #polling: Promise<void> = Promise.resolve();

  constructor(
    @Inject(DataSource) private readonly db: DataSource,
    @Inject(tokens.config) private readonly config: Pick<QueryConfig, 'STREAM_READS'>,
  ) {}

  onApplicationBootstrap(): void {
    this.#polling = this.#poll();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.#polling;
  }

  /** The current end of an account's feed. */
  async headOf(accountId: string): Promise<FeedPosition> {
    const head = (await feedHeads(this.db, [accountId])).get(accountId);
    if (!head) throw new Error(`the feed of ${accountId} has no head`);
    return head;
  }

  /** Sends `reader` what follows its position until the returned function is called. */
  add(reader: FeedReader): () => void {
    const readers = this.#readers.get(reader.accountId) ?? new Set();
    this.#readers.set(reader.accountId, readers.add(reader));
    this.#wake(reader);
    return () => {
      readers.delete(reader);
      this.#forget(reader);
      if (readers.size === 0) this.#readers.delete(reader.accountId);
    };
  }

  /** The feed of this account may have grown. */
  hint(accountId: string): void {
    for (const reader of this.#readers.get(accountId) ?? []) this.#wake(reader);
  }

  async #poll(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const end = polls.startTimer();
      try {
        await this.#attempt(() => this.#lookAtHeads());
      } catch (error) {
        log.warn({ err: error }, 'could not read the heads of the feeds');
      }
      end();
      await sleep(pollInterval, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async #lookAtHeads(): Promise<void> {
    const accounts = [...this.#readers.keys()];
    for (let from = 0; from < accounts.length; from += pollSize) {
      const heads = await feedHeads(this.db, accounts.slice(from, from + pollSize));
      for (const [accountId, head] of heads) this.#wakeBehind(accountId, head);
    }
  }

  #wakeBehind(accountId: string, head: FeedPosition): void {
    for (const reader of this.#readers.get(accountId) ?? []) {
      const { epoch, sequence } = reader.position;
      // A head read before the reader's last entries is behind it, so not equal; reading again does no harm.
      if (epoch !== head.epoch || sequence !== head.sequence) this.#wake(reader);
    }
  }

  #wake(reader: FeedReader): void {
    const { subject } = reader;
    this.#due.set(subject, (this.#due.get(subject) ?? new Set()).add(reader));
    this.#work();
  }

  /**
   * A reader of the next subject, which then moves to the end of the queue. One subject has at most half of the reads.
   */
  #next(): FeedReader | undefined {
    const share = Math.max(1, Math.floor(this.config.STREAM_READS / 2));
    for (const [subject, readers] of this.#due) {
      if ([...this.#busy].filter((each) => each.subject === subject).length >= share) continue;
      const reader = [...readers].find((each) => !this.#busy.has(each));
      if (!reader) continue;
      this.#due.delete(subject);
      this.#due.set(subject, readers);
      this.#forget(reader);
      return reader;
    }
    return undefined;
  }

  /** Takes its turn from a reader; a subject whose readers have none is not walked over any more. */
  #forget(reader: FeedReader): void {
    const readers = this.#due.get(reader.subject);
    readers?.delete(reader);
    if (readers?.size === 0) this.#due.delete(reader.subject);
  }

  #work(): void {
    while (this.#busy.size < this.config.STREAM_READS) {
      const reader = this.#next();
      if (!reader) return;
      this.#busy.add(reader);
      void this.#attempt(() => this.#serve(reader)).finally(() => {
        this.#busy.delete(reader);
        this.#work();
      });
    }
  }

  async #serve(reader: FeedReader): Promise<void> {
    if (this.#stop.signal.aborted || !reader.canTake()) return;
    const { position } = reader;
    try {
      const { head, entries } = await feedAfter(this.db, reader.accountId, position, sliceSize);
      if (!this.#has(reader)) return;
      const broken = brokenBy(position, head, entries[0]);
      if (broken) return this.#restart(reader, head, broken);
      if (entries.length > 0) await this.#give(reader, head, entries);
    } catch (error) {
      log.warn({ err: error }, 'could not read a feed; the next poll tries again');
    }
  }

  async #give(reader: FeedReader, { epoch, sequence: end }: FeedPosition, entries: readonly FeedEntryResponse[]): Promise<void> {
    const take = async (): Promise<void> => reader.take(entries);
    if (isTracing()) await tracedBatch('stream push', await feedTraces(this.db, entries), take, { entries: entries.length });
    else await take();
    if (!this.#has(reader)) return;
    delivered.inc(entries.length);
    const sequence = entries.at(-1)?.sequence ?? end;
    reader.position = { epoch, sequence };
    if (sequence < end) this.#wake(reader);
  }

  #has(reader: FeedReader): boolean {
    return this.#readers.get(reader.accountId)?.has(reader) ?? false;
  }

  #restart(reader: FeedReader, head: FeedPosition, reason: (typeof resyncReasons)[number]): void {
    resyncs.inc({ reason });
    reader.position = head;
    reader.resync(reason);
  }
}
