import type { RecordedEvent, WithTexts } from '@tradecore/events';
import type { ReadAllOptions } from './event-store.ts';
import { loadManyParameters, loadManySql, toFoundMany, type Asked, type FoundMany, type LoadedRow } from '../load/load-many.ts';
import { declareReadAllSql, readDecisionsSql, readEventsSql } from '../load/read-events.ts';
import { pageSize, RecordingStore, textsPut, type Page } from './recording-store.ts';
import { limits } from '../append/save.ts';
import {
  readSnapshotSql,
  saveSnapshotsParameters,
  saveSnapshotsSql,
  type NewSnapshot,
  type SnapshotWanted,
  type StoredSnapshot,
  type UpTo,
} from '../load/snapshots.ts';

/** How long a bulk reader may spend on one batch; a session's usual limit is a minute. */
const readerIdle = '15min';

/**
 * Runs SQL in a caller's transaction: TypeORM's `EntityManager` or `QueryRunner`. Its transaction must be READ
 * COMMITTED.
 */
export interface Transaction {
  query(sql: string, parameters?: unknown[]): Promise<unknown>;
}

async function readTexts(transaction: Transaction, refs: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await transaction.query('select ref, text from public.texts where ref = any($1::uuid[])', [refs]);
  return new Map((rows as { ref: string; text: string }[]).map(({ ref, text }) => [ref, text]));
}

/** Like `EventStore.withTexts`, for a JSON value that was read without a store. */
export const withTexts = <T>(transaction: Transaction, value: T): Promise<WithTexts<T>> =>
  textsPut(value, (refs) => readTexts(transaction, refs));

/** The store in SQL, inside or outside a caller's transaction. */
export abstract class SqlEventStore extends RecordingStore {
  protected abstract query(sql: string, parameters?: unknown[]): Promise<unknown[]>;
  /** A transaction that a cursor can use. */
  protected abstract openTransaction(): Promise<Transaction & { end(): Promise<void> }>;

  async *readAll({ batchSize = pageSize, ...which }: ReadAllOptions = {}): AsyncGenerator<RecordedEvent[]> {
    if (!(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 10_000))
      throw new RangeError(`not a batch size: ${batchSize}`);
    const transaction = await this.openTransaction();
    try {
      await transaction.query(`set local idle_in_transaction_session_timeout = '${readerIdle}'`);
      await transaction.query(declareReadAllSql(which));
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

  protected async readDecisions(firstIds: readonly string[]): Promise<RecordedEvent[]> {
    const events = (await this.query(readDecisionsSql, [firstIds, limits.saveEvents])) as RecordedEvent[];
    // Decisions of one origin in one save include each other's events.
    return [...new Map(events.map((event) => [event.id, event])).values()];
  }

  protected async findMany(asked: readonly Asked[], lookups: readonly string[]): Promise<FoundMany> {
    return toFoundMany((await this.query(loadManySql, loadManyParameters(asked, lookups, pageSize))) as LoadedRow[]);
  }

  protected readTexts(refs: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return readTexts({ query: (sql, parameters) => this.query(sql, parameters) }, refs);
  }

  protected async readSnapshot(wanted: SnapshotWanted, { to, until }: UpTo): Promise<StoredSnapshot | undefined> {
    const { aggregateId, aggregateType, shape } = wanted;
    const rows = await this.query(readSnapshotSql, [aggregateId, aggregateType, shape, to, until ?? null]);
    return rows[0] as StoredSnapshot | undefined;
  }

  protected async writeSnapshots(snapshots: readonly NewSnapshot[]): Promise<void> {
    await this.query(saveSnapshotsSql, saveSnapshotsParameters(snapshots));
  }
}
