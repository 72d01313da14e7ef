import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedEvent } from '@tradecore/events';
import { Busy, type Transaction } from '@tradecore/event-sourcing';
import { heartbeat, logger, type Attempt } from '@tradecore/telemetry';
import { isFaultOfOne } from '../offsets/errors.ts';
import { outsideTransaction, type PipelinedTransaction } from '../offsets/transaction.ts';
import { timerMetrics } from './consumer-metrics.ts';
import type { OpenStep } from './process.ts';
import { lockWaitMs, type ProcessBatches } from './process-batches.ts';
import { countSql, dueSql, headsOf, postpone, readSagas, unsentSagas, type SagaRow } from './saga-rows.ts';
import { Stale, UnitOfWork } from './unit-of-work.ts';

/** The command ids of those of these steps that the other side has received, read from what it exports. */
export type Received = (tx: Transaction, steps: readonly OpenStep[]) => Promise<ReadonlySet<string>>;

const log = logger('consumers');

/** Deadlines handled in one transaction. */
const deadlinesAtOnce = 50;
/** The longest sleep: another instance may have set a deadline meanwhile. */
const lookEveryMs = 250;
/** Pause after a failure: an unavailable database is retried once a second. */
const afterFailureMs = 1000;
/** A deadline whose step has not been sent yet is postponed by this much. */
const postponedSeconds = 5;
/** How often the metrics of all deadlines are counted. */
const countEveryMs = 10_000;

/**
 * Handles deadlines that have passed. They are picked without a lock; then the heads are locked, and only those still
 * due are handled: of two instances, one finds nothing left. The clock is the database's. A deadline never mistakes our
 * own backlog for the other side's silence: one whose step has not been sent is postponed, stored events not heard yet
 * are heard first, and a step that the other side has received is not asked again.
 */
export class Deadlines {
  private readonly stopping = new AbortController();
  private readonly metrics;
  private readonly outside: Transaction;
  private readonly schema: string;
  private readonly attempt: Attempt;
  private loop: Promise<void> | undefined;
  private countedAt = 0;

  constructor(
    private readonly batches: ProcessBatches,
    private readonly received: Received = () => Promise.resolve(new Set()),
  ) {
    this.schema = batches.schema;
    this.metrics = timerMetrics(batches.name);
    this.outside = outsideTransaction(batches.parts.dataSource);
    this.attempt = heartbeat(`${batches.name}-deadlines`);
  }

  start(): void {
    this.loop = this.run();
  }

  /** Finishes the transaction in progress. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      let pauseMs = afterFailureMs;
      try {
        pauseMs = await this.attempt(() => this.look());
      } catch (error) {
        log.warn({ err: error, saga: this.batches.name }, 'deadlines could not be handled; retrying');
      }
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Handles due deadlines; resolves with the milliseconds until the next look. */
  private async look(): Promise<number> {
    const near = (await this.outside.query(dueSql(this.schema), [deadlinesAtOnce, lookEveryMs])) as {
      sagaId: string;
      inMs: number;
    }[];
    const due = near.flatMap(({ sagaId, inMs }) => (inMs <= 0 ? [sagaId] : []));
    if (due.length > 0) await this.handle(due);
    if (due.length === deadlinesAtOnce) return 0;
    await this.count();
    return Math.max(near.find(({ inMs }) => inMs > 0)?.inMs ?? lookEveryMs, 1);
  }

  private async handle(sagaIds: readonly string[]): Promise<void> {
    const unsent = new Set(await unsentSagas(this.outside, sagaIds));
    if (unsent.size > 0) await postpone(this.outside, this.schema, [...unsent], postponedSeconds);
    const sent = sagaIds.filter((id) => !unsent.has(id));
    if (sent.length === 0) return;
    try {
      await this.together(sent);
    } catch (error) {
      if (!(error instanceof Busy || error instanceof Stale || isFaultOfOne(error))) throw error;
      for (const sagaId of sent) await this.alone(sagaId);
    }
  }

  /** A saga whose aggregates are locked, or whose rows are changing, is retried with the next look. */
  private async alone(sagaId: string): Promise<void> {
    try {
      await this.together([sagaId]);
    } catch (error) {
      if (error instanceof Busy || error instanceof Stale) return;
      if (!isFaultOfOne(error)) throw error;
      await this.batches.parkAlone({ sagaId, targetId: sagaId, eventId: null }, error);
    }
  }

  private async together(sagaIds: readonly string[]): Promise<void> {
    const { reader, parts } = this.batches;
    const { rows } = await readSagas(this.outside, this.schema, sagaIds);
    const missed = await this.unheard(rows.values());
    const toLock = {
      wanted: reader.wantedOf(rows.values(), missed),
      aggregates: new Map(),
      missed,
      believed: [],
      inputs: [],
      sagaIds: [...rows.keys()],
      waitMs: lockWaitMs,
    };
    const { late } = await this.batches.transact({}, async (tx) => {
      const known = await reader.lock(tx, toLock);
      const unit = new UnitOfWork(parts, known);
      const seconds = await this.decide(tx, unit, { rows: known.rows.values(), now: known.now });
      await this.batches.append(tx, unit);
      return { unit, known, late: seconds };
    });
    for (const seconds of late) this.metrics.lateness(seconds);
  }

  /** Resolves with how late each deadline is, in seconds. */
  private async decide(
    tx: PipelinedTransaction,
    unit: UnitOfWork,
    { rows, now }: { readonly rows: Iterable<SagaRow>; readonly now: string },
  ): Promise<number[]> {
    const passed = [...rows].filter(({ dueAt }) => dueAt !== null && Date.parse(dueAt) <= Date.parse(now));
    const heads = await headsOf(
      tx,
      passed.flatMap((row) => this.heardBy(row)),
    );
    const due = passed.filter((row) => this.catchUp(unit, row, heads));
    const open = due.flatMap(({ sagaId }) => unit.openSteps(sagaId));
    const received = open.length === 0 ? new Set<string>() : await this.received(tx, open);
    for (const { sagaId } of due) {
      const failure = unit.onDeadline(sagaId, received);
      if (failure !== undefined) unit.parkDeadline(sagaId, failure);
    }
    return due.map(({ dueAt }) => Math.max(0, (Date.parse(now) - Date.parse(dueAt ?? '')) / 1000));
  }

  /**
   * Whether it is still due once all stored events are heard. Throws `Stale` where the store holds more than was read.
   */
  private catchUp(unit: UnitOfWork, row: SagaRow, heads: ReadonlyMap<string, number>): boolean {
    for (const aggregateId of this.heardBy(row)) unit.catchUp(row.sagaId, aggregateId, heads.get(aggregateId) ?? 0);
    if (unit.isDue(row.sagaId)) return true;
    unit.touch(row.sagaId);
    return false;
  }

  /** The aggregates that a saga hears: those it has heard from, and its own aggregates on the topics it reads. */
  private heardBy({ heard, aggregateIds }: SagaRow): string[] {
    const { process, catalogue, topics } = this.batches.parts;
    const own = aggregateIds.filter((_, index) => topics.includes(catalogue[process.aggregates[index]?.type ?? '']?.topic ?? ''));
    return [...new Set([...Object.keys(heard), ...own])];
  }

  /** Stored events of these aggregates that the sagas have not heard. */
  private async unheard(rows: Iterable<SagaRow>): Promise<ReadonlyMap<string, ReadonlyMap<number, RecordedEvent>>> {
    const from = new Map<string, number>();
    for (const row of rows) {
      for (const id of this.heardBy(row))
        from.set(id, Math.min(from.get(id) ?? Number.POSITIVE_INFINITY, (row.heard[id] ?? 0) + 1));
    }
    const heads = await headsOf(this.outside, [...from.keys()]);
    const missed = new Map<string, Map<number, RecordedEvent>>();
    for (const [id, version] of heads) {
      const own = new Map<number, RecordedEvent>();
      const history = this.batches.parts.store.readHistory(id, { from: from.get(id) ?? 1, to: version });
      for await (const event of history) own.set(event.aggregateVersion, event);
      missed.set(id, own);
    }
    return missed;
  }

  private async count(): Promise<void> {
    if (Date.now() < this.countedAt + countEveryMs) return;
    this.countedAt = Date.now();
    const [row] = (await this.outside.query(countSql(this.schema))) as Parameters<typeof this.metrics.counted>;
    this.metrics.counted(row);
  }
}
