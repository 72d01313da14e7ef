import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { resyncReasons, type FeedEntryResponse } from '@tradecore/api';
import { feedAfter, feedHeads, type FeedPosition } from '@tradecore/read-models';
import { counter, heartbeat, histogram, logger } from '@tradecore/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';

/** A reader of a feed. It gets entries in order, each once, without gaps. */
export interface FeedReader {
  readonly accountId: string;
  /** The last entry that it got. */
  position: FeedPosition;
  /** False while it can take no more; it is asked again at the next poll. */
  canTake(): boolean;
  take(entries: readonly FeedEntryResponse[]): void;
  /** The entries after its position are gone; it goes on from `position`, which is set to the new place. */
  resync(reason: (typeof resyncReasons)[number]): void;
}

/** Milliseconds between polls: how late an entry is at most when its hint is lost. */
const pollInterval = 100;
/** Entries read at once for one reader; others have their turn between. */
const sliceSize = 200;
/** Reads of feeds under way at the same time: the pool has other work. */
const workersLimit = 4;
/** Accounts asked for in one statement of a poll. */
const pollSize = 5000;

const log = logger('feed-pump');
const delivered = counter({ name: 'stream_entries_total', help: 'Entries of feeds sent to readers.' });
const resyncs = counter({
  name: 'stream_resyncs_total',
  help: 'Readers that had to resync, by reason.',
  labels: { reason: resyncReasons },
});
const polls = histogram({ name: 'stream_poll_seconds', help: 'One round over the heads of all accounts that have readers.' });

/** Why a reader at `position` has to resync, given where the feed ends and what was found after the position. */
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
 * Carries the feeds of accounts to their readers here. It looks when a hint says so, and every 100 ms at the heads of all accounts
 * that have readers: the hint makes it quick, the poll makes it sure.
 */
@Injectable()
export class FeedPump implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #readers = new Map<string, Set<FeedReader>>();
  /** Readers with news, in the order in which they get their turn. */
  readonly #due = new Set<FeedReader>();
  readonly #busy = new Set<FeedReader>();
  readonly #stop = new AbortController();
  readonly #attempt = heartbeat('feed-pump');
  #polling: Promise<void> = Promise.resolve();

  constructor(@Inject(DataSource) private readonly db: DataSource) {}

  onApplicationBootstrap(): void {
    this.#polling = this.#poll();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.#polling;
  }

  /** Where the feed of an account ends now. */
  async headOf(accountId: string): Promise<FeedPosition> {
    const head = (await feedHeads(this.db, [accountId])).get(accountId);
    if (!head) throw new Error(`no head of the feed of ${accountId}`);
    return head;
  }

  /** `reader` gets what follows its position until the returned function is called. */
  add(reader: FeedReader): () => void {
    const readers = this.#readers.get(reader.accountId) ?? new Set();
    this.#readers.set(reader.accountId, readers.add(reader));
    this.#wake(reader);
    return () => {
      readers.delete(reader);
      this.#due.delete(reader);
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
        log.warn({ err: error }, 'the heads of the feeds could not be read');
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
      // A head read before the reader's last entries lies behind it: not equal either, and looking again does no harm.
      if (epoch !== head.epoch || sequence !== head.sequence) this.#wake(reader);
    }
  }

  #wake(reader: FeedReader): void {
    this.#due.add(reader);
    this.#work();
  }

  #work(): void {
    for (const reader of this.#due) {
      if (this.#busy.size >= workersLimit) return;
      if (this.#busy.has(reader)) continue;
      this.#due.delete(reader);
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
      if (!this.#readers.get(reader.accountId)?.has(reader)) return;
      const broken = brokenBy(position, head, entries[0]);
      if (broken) return this.#restart(reader, head, broken);
      const last = entries.at(-1);
      if (!last) return;
      reader.take(entries);
      delivered.inc(entries.length);
      reader.position = { epoch: position.epoch, sequence: last.sequence };
      if (last.sequence < head.sequence) this.#due.add(reader);
    } catch (error) {
      log.warn({ err: error }, 'a feed could not be read; the next poll tries again');
    }
  }

  #restart(reader: FeedReader, head: FeedPosition, reason: (typeof resyncReasons)[number]): void {
    resyncs.inc({ reason });
    reader.position = head;
    reader.resync(reason);
  }
}
