import { freshId, type Catalogue, type RecordedEvent } from '@tradecore/events';
import { appendCall, toVerdicts, type Verdict } from '../append/append-events.ts';
import { databaseFault } from '../sessions/database-faults.ts';
import type { DecideOptions, Saved, SaveOptions } from './event-store.ts';
import {
  askFor,
  loadLockedSql,
  loadManyParameters,
  toFoundMany,
  type LoadedMany,
  type LoadedRow,
  type Wanted,
} from '../load/load-many.ts';
import { nothingSaved, pageSize, refusalOf } from './recording-store.ts';
import { limits, recordedEvents, toSave, type PartToSave, type Save } from '../append/save.ts';
import { SqlEventStore, type Transaction } from './sql-event-store.ts';
import { Busy, ConcurrencyException, InvalidSave, StoreClosed } from './store-errors.ts';

/** How long a caller's transaction waits for each lock by default. */
export const lockWaitMs = 2000;
/** Limits of one call of `append_events`. */
const callSaves = 500;
const callBytes = 4 * 1024 * 1024;

/** The event store inside a caller's transaction, with additions for batches of decisions. */
export class TransactionEventStore extends SqlEventStore {
  constructor(
    catalogue: Catalogue,
    private readonly transaction: Transaction,
  ) {
    super(catalogue);
  }

  /**
   * Locks these aggregates until the transaction ends, including those that do not exist yet, in the order that all
   * writers use; then reads as `loadMany` does. One statement. The login must be a writer of their types. Aggregates of
   * asserted types are read but not locked. Throws `Busy` when a lock can't be acquired in time: the transaction is
   * then lost.
   */
  async loadLocked(wanted: readonly Wanted[], { lookups = [], waitMs = lockWaitMs }: DecideOptions = {}): Promise<LoadedMany> {
    const asked = wanted.map(askFor);
    try {
      const rows = await this.query(loadLockedSql, [...loadManyParameters(asked, lookups, pageSize), waitMs]);
      return await this.broughtUp(asked, toFoundMany(rows as LoadedRow[]));
    } catch (error) {
      throw refusalBehind(error, waitMs);
    }
  }

  /** In the caller's transaction, which commits. */
  async decideLocked(
    wanted: readonly Wanted[],
    decide: (loaded: LoadedMany) => readonly PartToSave[],
    options?: DecideOptions,
  ): Promise<Saved> {
    const parts = decide(await this.loadLocked(wanted, options));
    return parts.length === 0 ? nothingSaved : this.savePrepared(parts);
  }

  /**
   * Stores the parts of many decisions, each prepared in its own context; several of one aggregate in order, each
   * expecting the version after the previous one. One statement for up to 500 aggregates with 100 events each. Look up
   * the first id of each decision first: one that is already stored, like any conflict, is `ConcurrencyException`: roll
   * back and start over. Returns what is stored, part by part. Call `keepSnapshots` afterwards for the snapshots that
   * are due.
   */
  async saveBatch(parts: readonly PartToSave[], waitMs = lockWaitMs): Promise<RecordedEvent[]> {
    const byAggregate = [...Map.groupBy(parts, ({ id }) => id).values()];
    const saves = byAggregate.map((own) => chunksOf(own).map((part) => toSave(this.catalogue, [part])));
    const calls: Save[][] = [];
    for (let round = 0; saves.some((own) => round < own.length); round += 1) {
      const next = saves.flatMap((own) => own[round] ?? []);
      calls.push(...split(next, callSaves, callBytes));
    }
    const stored = new Map<string, RecordedEvent>();
    if (calls.length > 1) await this.#nameSave(`${freshId()}.${parts.reduce((sum, { events }) => sum + events.length, 0)}`);
    for (const call of calls) for (const event of await this.#appendAll(call, waitMs)) stored.set(event.id, event);
    if (calls.length > 1) await this.#nameSave('');
    return parts.flatMap(({ events }) => events.map(({ id }) => stored.get(id) as RecordedEvent));
  }

  /** Several calls count as one save when taken back from the topics. */
  async #nameSave(name: string): Promise<void> {
    await this.query(`select set_config('tradecore.save', $1, true)`, [name]);
  }

  async #appendAll(saves: readonly Save[], waitMs: number): Promise<RecordedEvent[]> {
    const verdicts = await this.#call(saves, waitMs);
    return saves.flatMap((save, index) => {
      const verdict = verdicts[index] as Verdict;
      if (verdict.outcome === 'stored') return recordedEvents(save, verdict.time);
      throw isStoredAlready(verdict) ? decidedBefore(save) : refusalOf(verdict);
    });
  }

  async #call(saves: readonly Save[], waitMs: number | null): Promise<Verdict[]> {
    try {
      const { text, values } = appendCall(saves, waitMs);
      return toVerdicts(saves, await this.query(text, values));
    } catch (error) {
      throw refusalBehind(error, waitMs);
    }
  }

  protected async append(save: Save, { onBusy = 'wait' }: SaveOptions): Promise<Verdict> {
    const [verdict] = await this.#call([save], onBusy === 'wait' ? lockWaitMs : null);
    return verdict as Verdict;
  }

  protected async query(sql: string, parameters?: unknown[]): Promise<unknown[]> {
    return (await this.transaction.query(sql, parameters)) as unknown[];
  }

  protected openTransaction(): Promise<Transaction & { end(): Promise<void> }> {
    const query = (sql: string, parameters?: unknown[]): Promise<unknown> => this.transaction.query(sql, parameters);
    // In a failed transaction there is nothing to close.
    const end = (): Promise<void> => query('close tradecore_read_all').then(nothing, nothing);
    return Promise.resolve({ query, end });
  }
}

const nothing = (): void => undefined;

/** Nothing is stored, the transaction is lost; a new one may succeed. */
const refusalBehind = (error: unknown, waitedMs: number | null): unknown => {
  const fault = databaseFault(error);
  if (fault === 'closed') return new StoreClosed({ cause: error });
  if (fault === 'locked') return new Busy('another save holds the aggregate', { waitedMs }, { cause: error });
  return fault === 'raced' ? new Busy('another save stored the same event', undefined, { cause: error }) : error;
};

/** Whether a verdict means that decisions of the save are already stored in their own aggregates. */
const isStoredAlready = (verdict: Verdict): verdict is Extract<Verdict, { outcome: 'repeated' | 'taken' }> =>
  verdict.outcome === 'repeated' ||
  (verdict.outcome === 'taken' && verdict.taken.every(({ aggregateId, takenBy }) => aggregateId === takenBy));

function decidedBefore({ parts }: Save): ConcurrencyException {
  return new ConcurrencyException(parts.map(({ id: aggregateId, expected }) => ({ aggregateId, expected, found: -1 })));
}

/**
 * Merges the parts of one aggregate into as few as possible, of at most 100 events and 1 MiB; a decision is never
 * split.
 */
function chunksOf(parts: readonly PartToSave[]): PartToSave[] {
  for (const [index, { id, expected, events }] of parts.entries()) {
    const before = parts[index - 1];
    if (events.length === 0) throw new InvalidSave(`${id} is asserted in a batch, but a batch locks what it decides on`);
    if (before && expected !== before.expected + before.events.length) {
      throw new InvalidSave(`a decision on version ${expected} of ${id} does not follow the one before`);
    }
  }
  const sized = parts.map((part) => ({ part, count: part.events.length, bytes: bytesOf(part.events) }));
  return split(sized, limits.saveEvents, limits.saveBytes).map((chunk) => {
    const [first] = chunk as [(typeof chunk)[number]];
    return { ...first.part, events: chunk.flatMap(({ part }) => part.events) };
  });
}

const bytesOf = (events: readonly { readonly bytes: number }[]): number => events.reduce((sum, { bytes }) => sum + bytes, 0);

/** Splits in order; each piece is within both limits or has one element. */
function split<T extends { readonly bytes: number; readonly count?: number }>(
  all: readonly T[],
  maxCount: number,
  maxBytes: number,
): T[][] {
  const pieces: T[][] = [];
  let [count, bytes] = [0, 0];
  for (const each of all) {
    const last = pieces.at(-1);
    count += each.count ?? 1;
    bytes += each.bytes;
    if (last && count <= maxCount && bytes <= maxBytes) last.push(each);
    else {
      pieces.push([each]);
      [count, bytes] = [each.count ?? 1, each.bytes];
    }
  }
  return pieces;
}
