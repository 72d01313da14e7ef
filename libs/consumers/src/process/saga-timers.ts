import { setTimeout as sleep } from 'node:timers/promises';
import { derivedId } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import { logger, type WorkContext } from '@tradecore/telemetry';
import { timerMetrics, type TimerMetrics } from './consumer-metrics.ts';
import { parkAll } from './decision-run.ts';
import type { DecidingParts } from './deciding-work.ts';
import { Decisions, Failed, type Decision } from './decisions.ts';
import { parkedReason } from '../offsets/errors.ts';
import { inTransaction } from '../offsets/transaction.ts';
import type { Deadlines } from './redrive-pair.ts';
import type { Saga } from './saga.ts';
import { tellStuck, type SagaDecider } from './saga-decider.ts';
import { countSql, dueSql, keepSagas, nextDueSql, readSagas, type SagaRow } from './saga-rows.ts';
import { schemaOf } from '../offsets/schema.ts';

/** What the timers of a saga run on. */
export interface SagaTimersParts extends DecidingParts {
  readonly decider: SagaDecider;
  /** Deadlines are heard only while this says so: where inputs stand still, answers may lie unheard. */
  readonly mayRun: () => boolean;
}

const log = logger('consumers');

/** Sagas woken in one transaction. */
const wakesAtOnce = 100;
/** The longest sleep: another instance may have set a deadline meanwhile, and mayRun may say yes. */
const lookEveryMs = 250;
/** Pause after a failure: a database that is away is asked once a second. */
const afterFailureMs = 1000;
/** Figures of all deadlines are counted this often. */
const countEveryMs = 10_000;

/**
 * Wakes sagas whose deadline has passed. Picked without a lock; then the heads are locked, and only those that are still due are woken: of two
 * instances one finds nothing left. The clock is the database's, so that due here is due there.
 */
export class SagaTimers implements Deadlines {
  private readonly stopping = new AbortController();
  private readonly schema: string;
  private readonly metrics: TimerMetrics;
  private loop: Promise<void> | undefined;
  private countedAt = 0;

  constructor(private readonly parts: SagaTimersParts) {
    this.schema = schemaOf(parts.decider.name);
    this.metrics = timerMetrics(parts.decider.name);
  }

  start(): void {
    this.loop = this.run();
  }

  /** Finishes the transaction under way. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      let pauseMs = lookEveryMs;
      try {
        if (this.parts.mayRun()) pauseMs = await this.turn();
      } catch (error) {
        log.warn({ err: error, saga: this.parts.decider.name }, 'deadlines could not be heard: again');
        pauseMs = afterFailureMs;
      }
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Wakes what is due; resolves with the milliseconds until it is worth looking again. */
  private async turn(): Promise<number> {
    const { dataSource } = this.parts;
    const due = (await dataSource.query(dueSql(this.schema), [wakesAtOnce])) as { sagaId: string }[];
    const sagaIds = due.map(({ sagaId }) => sagaId);
    if (sagaIds.length > 0) this.tell(await inTransaction(dataSource, (tx) => this.wake(tx, sagaIds)));
    if (due.length === wakesAtOnce) return 0;
    await this.count();
    const [next] = (await dataSource.query(nextDueSql(this.schema))) as { inMs: number }[];
    return Math.min(Math.max(next?.inMs ?? lookEveryMs, 1), lookEveryMs);
  }

  /** Resolves with the sagas that are stuck from now on. */
  private async wake(tx: Transaction, sagaIds: readonly string[]): Promise<readonly string[]> {
    const { decider, store } = this.parts;
    const wanted = sagaIds.map((id) => ({ type: decider.saga, id }));
    const decisions = await Decisions.open(store.within(tx), { wanted, lookups: [] });
    const { rows } = await readSagas(tx, this.schema, sagaIds, decisions.now);
    const woken = [...rows.values()].filter(({ isDue }) => isDue);
    const failed: { readonly row: SagaRow; readonly error: unknown }[] = [];
    for (const row of woken) {
      const outcome = await decisions.add(row.sagaId, wakeUp(decisions, row));
      if (outcome instanceof Failed) failed.push({ row, error: outcome.error });
      else if (outcome === 0 && isStill(decisions, row)) failed.push({ row, error: new Error('wake did not move its deadline') });
    }
    await decisions.save();
    const parked = new Set(failed.map(({ row }) => row));
    const heard = woken.filter((row) => !parked.has(row));
    const stuck = await keepSagas(tx, this.schema, decisions, heard);
    await parkAll(
      tx,
      decider,
      this.schema,
      failed.map(({ row: { sagaId }, error }) => ({
        sagaId,
        targetId: sagaId,
        eventId: null,
        reason: parkedReason('handler-failed', error),
      })),
    );
    for (const { dueAt } of woken)
      this.metrics.lateness(Math.max(0, (Date.parse(decisions.now) - Date.parse(dueAt ?? '')) / 1000));
    return stuck;
  }

  private tell(stuck: readonly string[]): void {
    tellStuck(this.parts.decider.name, stuck);
  }

  async retry(tx: Transaction, sagaId: string): Promise<Failed | undefined> {
    const found = await this.lookAt(tx, sagaId);
    if (!found) return undefined;
    const outcome = await found.decisions.add(sagaId, wakeUp(found.decisions, found.row));
    if (outcome instanceof Failed) return outcome;
    await found.decisions.save();
    this.tell(await keepSagas(tx, this.schema, found.decisions, [found.row]));
    return undefined;
  }

  async restore(tx: Transaction, sagaId: string): Promise<void> {
    const found = await this.lookAt(tx, sagaId);
    if (found) this.tell(await keepSagas(tx, this.schema, found.decisions, [found.row]));
  }

  private async lookAt(tx: Transaction, sagaId: string): Promise<{ decisions: Decisions; row: SagaRow } | undefined> {
    const { decider, store } = this.parts;
    const decisions = await Decisions.open(store.within(tx), { wanted: [{ type: decider.saga, id: sagaId }], lookups: [] });
    const row = (await readSagas(tx, this.schema, [sagaId], decisions.now)).rows.get(sagaId);
    return row && { decisions, row };
  }

  private async count(): Promise<void> {
    if (Date.now() < this.countedAt + countEveryMs) return;
    this.countedAt = Date.now();
    const [row] = (await this.parts.dataSource.query(countSql(this.schema))) as Parameters<TimerMetrics['counted']>;
    this.metrics.counted(row);
  }
}

/** What it causes is named after the state that it found: the lock sees to it that this state is woken once. */
const wakeUp = (decisions: Decisions, { sagaId, origin }: SagaRow): Decision => {
  const aggregate = decisions.aggregate(sagaId);
  const version = aggregate instanceof Error ? 0 : aggregate.version;
  const { correlationId, account, actor } = origin;
  const context: WorkContext = {
    correlationId,
    commandId: derivedId('wake', sagaId, String(version)),
    sagaId,
    ...(account !== undefined && { account }),
    ...(actor !== undefined && { actor }),
  };
  return { context, decide: (saga) => (saga as Saga).wake(decisions.now) };
};

/** Whether it is as due as before. */
const isStill = (decisions: Decisions, { sagaId }: SagaRow): boolean => {
  const { dueAt } = decisions.aggregate(sagaId) as Saga;
  return dueAt !== undefined && Date.parse(dueAt) <= Date.parse(decisions.now);
};
