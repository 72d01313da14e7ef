import type { Catalogue } from '@tradecore/events';
import { logger } from '@tradecore/telemetry';
import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';
import type { Verdict } from '../append/append-events.ts';
import { DomainError } from '../domain-error.ts';
import type { DecideOptions, Saved, SaveOptions } from './event-store.ts';
import { Lanes } from '../append/lanes.ts';
import type { LoadedMany, Wanted } from '../load/load-many.ts';
import { decideInTransaction } from '../append/locked-decision.ts';
import { nothingSaved } from './recording-store.ts';
import { savesTotal } from '../append/append-metrics.ts';
import { AppendQueue } from '../append/append-queue.ts';
import { checkOut, poolOf } from '../sessions/checkout.ts';
import type { PartToSave, Save } from '../append/save.ts';
import { snapshotsTotal, type NewSnapshot } from '../load/snapshots.ts';
import { databaseFault } from '../sessions/database-faults.ts';
import { OutcomeUnknown, StoreClosed } from './store-errors.ts';
import { SqlEventStore, type Transaction } from './sql-event-store.ts';
import { lockWaitMs, TransactionEventStore } from './transaction-event-store.ts';

/** Dependencies and limits of a PostgreSQL event store. */
export interface EventStoreOptions {
  /**
   * Its pool carries the appends: at most 2 of its connections at once, plus 2 for saves that wait for a lock and 3 for
   * decisions under locks.
   */
  readonly dataSource: DataSource;
  readonly catalogue: Catalogue;
  /**
   * Its reads are refused as well while the store is closed (`StoreClosed`): for doors, whose answers would be decided on a state that is about to
   * change.
   */
  readonly refusesReads?: boolean;
  /** How long a save may take before it is refused, in milliseconds; 10,000 when absent. */
  readonly saveTimeoutMs?: number;
  /**
   * How long the database may take to answer a call before its connection counts as lost, in milliseconds; 5,000 when
   * absent.
   */
  readonly answerTimeoutMs?: number;
}

/** Connections for decisions under locks. */
const lockedLanes = 3;

const log = logger('event-store');

/** The event store on PostgreSQL. Concurrent saves of a process are sent together; see docs/event-store.md. */
export class PostgresEventStore extends SqlEventStore {
  readonly #pool: Pool;
  readonly #queue: AppendQueue;
  readonly #locked = new Lanes(lockedLanes);
  readonly #answerTimeoutMs: number;
  readonly #refusesReads: boolean;

  constructor({
    dataSource,
    catalogue,
    refusesReads = false,
    saveTimeoutMs = 10_000,
    answerTimeoutMs = 5_000,
  }: EventStoreOptions) {
    super(catalogue);
    this.#refusesReads = refusesReads;
    if (!dataSource.isInitialized) throw new Error('the DataSource is not initialised');
    this.#pool = poolOf(dataSource);
    this.#answerTimeoutMs = answerTimeoutMs;
    this.#queue = new AppendQueue(this.#pool, { saveTimeoutMs, answerTimeoutMs });
  }

  /**
   * The same store inside a caller's transaction: everything takes effect when the caller commits. Locks wait (2 s
   * each, then `Busy`), in the order of ids within one call: save all aggregates in one `saveAggregates`. Anything but
   * stored or repeated throws: roll back.
   */
  within(transaction: Transaction): TransactionEventStore {
    return new TransactionEventStore(this.catalogue, transaction);
  }

  /**
   * In the store's own transaction, which the server ends when this process stays idle for 2 s. If the connection
   * breaks at commit, the same save is sent again, without the locks, until it is decided.
   */
  async decideLocked(
    wanted: readonly Wanted[],
    decide: (loaded: LoadedMany) => readonly PartToSave[],
    { lookups = [], waitMs = lockWaitMs }: DecideOptions = {},
  ): Promise<Saved> {
    const { catalogue } = this;
    const load = (query: Transaction['query']): Promise<LoadedMany> =>
      this.within({ query }).loadLocked(wanted, { lookups, waitMs });
    const locking = { catalogue, load, decide, waitMs, answerTimeoutMs: this.#answerTimeoutMs };
    const deciding = this.#locked.run(() => decideInTransaction(this.#pool, locking), waitMs);
    const decided = await deciding.catch((error: unknown) => {
      const isOpen = error instanceof DomainError && error.kind === 'busy' && this.#queue.isUndecided(lookups);
      throw isOpen ? new OutcomeUnknown('an earlier attempt is not decided yet', undefined, { cause: error }) : error;
    });
    if (!decided) return nothingSaved;
    const { save, verdict, lost } = decided;
    if (verdict) savesTotal.inc({ outcome: verdict.outcome });
    return this.settled(save, verdict ?? (await this.#queue.append(save, {}, lost)));
  }

  /** Refuses new saves, waits for those in flight. The DataSource stays open: it belongs to the caller. */
  async close(): Promise<void> {
    await this.#locked.close();
    await this.#queue.close();
  }

  protected append(save: Save, options: SaveOptions): Promise<Verdict> {
    return this.#queue.append(save, options);
  }

  /** After the commit, best effort: without its snapshot an aggregate only loads more slowly. */
  protected override async writeSnapshots(snapshots: readonly NewSnapshot[]): Promise<void> {
    await super.writeSnapshots(snapshots).catch((error: unknown) => {
      snapshotsTotal.inc({ outcome: 'failed' }, snapshots.length);
      log.warn({ err: error, aggregates: snapshots.map(({ aggregateId }) => aggregateId) }, 'snapshots were not written');
    });
  }

  protected async query(sql: string, parameters?: unknown[]): Promise<unknown[]> {
    try {
      return (await this.#pool.query(this.#refusesReads ? whileOpen(sql) : sql, parameters)).rows;
    } catch (error) {
      throw databaseFault(error) === 'closed' ? new StoreClosed({ cause: error }) : error;
    }
  }

  protected async openTransaction(): Promise<Transaction & { end(): Promise<void> }> {
    const { client, rollBack } = await checkOut(this.#pool);
    await client.query('begin read only').catch(async (error: unknown) => {
      await rollBack(error);
      throw error;
    });
    return { query: async (sql, parameters) => (await client.query(sql, parameters)).rows as unknown[], end: () => rollBack() };
  }
}

/** The same in one statement, in whose snapshot the store is open: the condition is asked once, before the first row. */
const whileOpen = (sql: string): string => `select r.* from (${sql}) r where (select public.must_be_open()::text) is not null`;

/** Opens the event store on a DataSource that is already initialised. */
export const createEventStore = (options: EventStoreOptions): PostgresEventStore => new PostgresEventStore(options);
