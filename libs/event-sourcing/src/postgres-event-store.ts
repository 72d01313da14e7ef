import type { Catalogue, RecordedEvent } from '@tradecore/events';
import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';
import { appendParameters, appendSql, failureOf, toVerdicts, type Verdict } from './append-events.ts';
import { AppendQueue } from './append-queue.ts';
import type { AggregateClass, AnyAggregate } from './base-aggregate.ts';
import { EventStore, type AsOf, type ReadAllOptions, type ReadRange, type Saved } from './event-store.ts';
import { declareReadAllSql, pageSize, readEventsSql, readSavedSql, replay } from './read-events.ts';
import { prepareSave, recordedEvents, type Decision, type Save } from './save.ts';
import { Busy, ConcurrencyException, InvalidSave } from './store-errors.ts';

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

/** What the store outside and inside a caller's transaction have in common: everything but how SQL gets to the database. */
abstract class SqlEventStore extends EventStore {
  constructor(protected readonly catalogue: Catalogue) {
    super();
  }

  protected abstract query(sql: string, parameters?: unknown[]): Promise<unknown[]>;
  protected abstract append(save: Save): Promise<Verdict>;
  /** Runs `work` where a cursor can live. */
  protected abstract inTransaction(): Promise<Transaction & { end(): Promise<void> }>;

  async saveAggregate(aggregate: AnyAggregate, expectedVersion?: number): Promise<Saved> {
    return this.#save([{ aggregate, expected: expectedVersion ?? aggregate.version - aggregate.uncommittedEvents.length }]);
  }

  async saveAggregates(aggregates: readonly AnyAggregate[]): Promise<Saved> {
    return this.#save(
      aggregates.map((aggregate) => ({ aggregate, expected: aggregate.version - aggregate.uncommittedEvents.length })),
    );
  }

  async loadAggregate<A extends AnyAggregate>(type: AggregateClass<A>, id: string): Promise<A> {
    return replay(this.catalogue, type, id, await this.#history(id));
  }

  async loadAggregateAsOf<A extends AnyAggregate>(type: AggregateClass<A>, id: string, asOf: AsOf): Promise<A> {
    const history = 'version' in asOf ? this.#history(id, asOf.version) : this.#history(id, undefined, asOf.time);
    return replay(this.catalogue, type, id, await history);
  }

  async readEvents(
    aggregateId: string,
    { from = 1, to = maxVersion, limit = pageSize }: ReadRange = {},
  ): Promise<RecordedEvent[]> {
    if (!(limit >= 1 && limit <= pageSize)) throw new RangeError(`limit is 1 to ${pageSize}, not ${limit}`);
    return (await this.query(readEventsSql, [aggregateId, from, to, limit, null])) as RecordedEvent[];
  }

  async *readAll({ types, batchSize = pageSize }: ReadAllOptions = {}): AsyncGenerator<RecordedEvent[]> {
    if (!(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 10_000))
      throw new RangeError(`no batch size: ${batchSize}`);
    const transaction = await this.inTransaction();
    try {
      await transaction.query(declareReadAllSql(types));
      for (;;) {
        const events = (await transaction.query(`fetch ${batchSize} from tradecore_read_all`)) as RecordedEvent[];
        if (events.length > 0) yield events;
        if (events.length < batchSize) break;
      }
      await transaction.query('close tradecore_read_all');
    } finally {
      await transaction.end();
    }
  }

  async #history(id: string, to: number = maxVersion, until: string | null = null): Promise<RecordedEvent[]> {
    const history: RecordedEvent[] = [];
    for (;;) {
      const page = (await this.query(readEventsSql, [id, history.length + 1, to, pageSize, until])) as RecordedEvent[];
      history.push(...page);
      if (page.length < pageSize) return history;
    }
  }

  async #save(decisions: readonly Decision[]): Promise<Saved> {
    const changed = decisions.filter(({ aggregate }) => aggregate.uncommittedEvents.length > 0);
    if (changed.length === 0) return { outcome: 'stored', events: [] };
    const save = prepareSave(this.catalogue, changed);
    const verdict = await this.append(save);
    switch (verdict.outcome) {
      case 'stored':
        for (const { aggregate } of changed) aggregate.markCommitted();
        return { outcome: 'stored', events: recordedEvents(save, verdict.time) };
      case 'repeated':
        return this.#repeated(save);
      case 'conflict':
        throw new ConcurrencyException(verdict.aggregateId, verdict.expected, verdict.found);
      case 'busy':
        throw new Busy('somebody holds the aggregate');
      case 'invalid':
        throw new InvalidSave(verdict.reason);
    }
  }

  /** Fresh ids can be in the store only by an earlier call of this very save, whose answer was lost. */
  async #repeated(save: Save): Promise<Saved> {
    const firstIds = save.parts.map(({ events: [first] }) => first?.id);
    const events = (await this.query(readSavedSql, [firstIds])) as RecordedEvent[];
    for (const { aggregate, aggregateId, expected } of save.parts) {
      const first = events.find((event) => event.aggregateId === aggregateId);
      if (first?.aggregateVersion === expected + 1) aggregate.markCommitted();
    }
    return { outcome: save.fresh ? 'stored' : 'repeated', events };
  }
}

const maxVersion = 2_147_483_647;

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

  protected async inTransaction(): Promise<Transaction & { end(): Promise<void> }> {
    const client = await this.#pool.connect();
    await client.query('begin read only');
    return {
      query: async (sql, parameters) => (await client.query(sql, parameters)).rows as unknown[],
      end: async () => {
        const fault = await client.query('rollback').then(
          () => undefined,
          (error: Error) => error,
        );
        client.release(fault);
      },
    };
  }
}

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

  protected inTransaction(): Promise<Transaction & { end(): Promise<void> }> {
    return Promise.resolve({ query: (sql, parameters) => this.transaction.query(sql, parameters), end: () => Promise.resolve() });
  }
}

/** Opens the event store on a DataSource that is already initialised. */
export const createEventStore = (options: EventStoreOptions): PostgresEventStore => new PostgresEventStore(options);
