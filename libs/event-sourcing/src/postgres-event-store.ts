import type { Catalogue, RecordedEvent } from '@tradecore/events';
import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';
import { appendParameters, appendSql, failureOf, toVerdicts, type Verdict } from './append-events.ts';
import { AppendQueue } from './append-queue.ts';
import { checkOut } from './checkout.ts';
import type { EventStore, ReadAllOptions } from './event-store.ts';
import { declareReadAllSql, readEventsSql, readSavedSql } from './read-events.ts';
import { pageSize, RecordingStore, type Page } from './recording-store.ts';
import type { Save } from './save.ts';
import { Busy } from './store-errors.ts';

/** What runs SQL in a caller's transaction: TypeORM's `EntityManager` or `QueryRunner`. Its transaction must be READ COMMITTED. */
export interface Transaction {
  query(sql: string, parameters?: unknown[]): Promise<unknown>;
}

/** What a PostgreSQL event store is made of. */
export interface EventStoreOptions {
  /** Its pool carries the appends: at most 2 connections of it at a time, and 2 for saves that wait for a lock. */
  readonly dataSource: DataSource;
  readonly catalogue: Catalogue;
  /** How long a save may take before it is refused, in milliseconds; 10,000 when absent. */
  readonly saveTimeoutMs?: number;
}

/** How long a save in a caller's transaction waits for each lock. */
const lockWaitMs = 2000;

/** The store in SQL, inside or outside a caller's transaction. */
abstract class SqlEventStore extends RecordingStore {
  protected abstract query(sql: string, parameters?: unknown[]): Promise<unknown[]>;
  /** Where a cursor can live. */
  protected abstract openTransaction(): Promise<Transaction & { end(): Promise<void> }>;

  async *readAll({ types, batchSize = pageSize }: ReadAllOptions = {}): AsyncGenerator<RecordedEvent[]> {
    if (!(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 10_000))
      throw new RangeError(`no batch size: ${batchSize}`);
    const transaction = await this.openTransaction();
    try {
      await transaction.query(declareReadAllSql(types));
      for (;;) {
        const events = (await transaction.query(`fetch ${batchSize} from tradecore_read_all`)) as RecordedEvent[];
        if (events.length > 0) yield events;
        if (events.length < batchSize) break;
      }
    } finally {
      await transaction.end();
    }
  }

  protected async readPage({ aggregateId, from, to, limit, until }: Page): Promise<RecordedEvent[]> {
    return (await this.query(readEventsSql, [aggregateId, from, to, limit, until ?? null])) as RecordedEvent[];
  }

  protected async readSaved(firstIds: readonly string[]): Promise<RecordedEvent[]> {
    return (await this.query(readSavedSql, [firstIds])) as RecordedEvent[];
  }
}

/** The event store on PostgreSQL. Concurrent saves of a process travel together; see docs/event-store.md. */
export class PostgresEventStore extends SqlEventStore {
  readonly #pool: Pool;
  readonly #queue: AppendQueue;

  constructor({ dataSource, catalogue, saveTimeoutMs = 10_000 }: EventStoreOptions) {
    super(catalogue);
    if (!dataSource.isInitialized) throw new Error('the DataSource is not initialised');
    this.#pool = (dataSource.driver as unknown as { readonly master: Pool }).master;
    this.#queue = new AppendQueue(this.#pool, saveTimeoutMs);
  }

  /**
   * The same store inside a caller's transaction: everything is decided when the caller commits. Locks wait (2 s each, then `Busy`), in the
   * order of ids within one call: save all aggregates in one `saveAggregates`. Anything but stored or repeated throws: roll back.
   */
  within(transaction: Transaction): EventStore {
    return new TransactionEventStore(this.catalogue, transaction);
  }

  /** Refuses new saves, waits for those under way. The DataSource stays open: it is the caller's. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  protected append(save: Save): Promise<Verdict> {
    return this.#queue.append(save);
  }

  protected async query(sql: string, parameters?: unknown[]): Promise<unknown[]> {
    return (await this.#pool.query(sql, parameters)).rows;
  }

  protected async openTransaction(): Promise<Transaction & { end(): Promise<void> }> {
    const { client, giveBack } = await checkOut(this.#pool);
    await client.query('begin read only');
    return {
      query: async (sql, parameters) => (await client.query(sql, parameters)).rows as unknown[],
      end: async () => {
        const fault = await client.query('rollback').then(
          () => undefined,
          (error: Error) => error,
        );
        giveBack(fault);
      },
    };
  }
}

const nothing = (): void => undefined;

class TransactionEventStore extends SqlEventStore {
  constructor(
    catalogue: Catalogue,
    private readonly transaction: Transaction,
  ) {
    super(catalogue);
  }

  protected async append(save: Save): Promise<Verdict> {
    try {
      const rows = await this.query(appendSql, appendParameters([save], lockWaitMs));
      const [verdict] = toVerdicts([save], rows as Parameters<typeof toVerdicts>[1]);
      return verdict as Verdict;
    } catch (error) {
      if (failureOf(error) !== 'locked') throw error;
      throw new Busy('somebody holds the aggregate', { waitedMs: lockWaitMs }, { cause: error });
    }
  }

  protected async query(sql: string, parameters?: unknown[]): Promise<unknown[]> {
    return (await this.transaction.query(sql, parameters)) as unknown[];
  }

  protected openTransaction(): Promise<Transaction & { end(): Promise<void> }> {
    const query = (sql: string, parameters?: unknown[]): Promise<unknown> => this.transaction.query(sql, parameters);
    // In a transaction that has failed there is nothing to close.
    const end = (): Promise<void> => query('close tradecore_read_all').then(nothing, nothing);
    return Promise.resolve({ query, end });
  }
}

/** Opens the event store on a DataSource that is already initialised. */
export const createEventStore = (options: EventStoreOptions): PostgresEventStore => new PostgresEventStore(options);
