import type { Catalogue, RecordedEvent } from '@tradecore/events';
import type { PostgresEventStore } from '@tradecore/event-sourcing';
import type { KafkaClient } from '@tradecore/messaging';
import { logger, runningRelease } from '@tradecore/telemetry';
import type { DataSource } from 'typeorm';
import type { BatchProcessor, RecordBatch } from '../offsets/batch-processor.ts';
import { foreignAmong } from '../offsets/confirmed.ts';
import { Offsets, type Log, type UnusableOffset } from '../offsets/offsets.ts';
import { inTransaction, outsideTransaction } from '../offsets/transaction.ts';
import { build } from './build.ts';
import type { Outcome } from './outcome.ts';
import { projectionMetrics } from './projection-metrics.ts';
import { Projection, type Around, type ProjectionParts } from './projection.ts';
import { declarationOf, type Declaration, type ProjectorClass } from './projector.ts';
import { redriveOne, toRedrive } from './redrive.ts';
import { RowTable } from './row-table.ts';
import { WarmProjection } from './warm-projection.ts';
import type { WorkingSet } from './working-set.ts';

/** Is told of rows after their commit: for hints and caches. It may miss some: a process can end in between. */
export abstract class CommitListener {
  /**
   * The rows that changed, by key; `undefined` after a build: any may have. An error that it throws is logged and
   * ignored.
   */
  abstract committed(projector: string, rows: ReadonlyMap<string, object> | undefined): void | Promise<void>;
}

/** The dependencies of a running projector. */
export interface ProjectorParts {
  readonly dataSource: DataSource;
  readonly store: PostgresEventStore;
  readonly catalogue: Catalogue;
  readonly kafka: KafkaClient;
  readonly listener?: CommitListener | undefined;
  /** The running release; when absent, that of the root's package.json. */
  readonly release?: string | undefined;
}

const log = logger('consumers');

/** Reads the definition of a projector's tables from the database. */
export async function openProjection(
  declaration: Declaration,
  parts: Omit<ProjectorParts, 'kafka' | 'listener'>,
): Promise<ProjectionParts> {
  const { schema, table, appends } = declaration;
  const { dataSource, store, catalogue, release = runningRelease } = parts;
  return {
    declaration,
    release,
    catalogue,
    store,
    table: await RowTable.open(dataSource, schema, table),
    lines: appends === undefined ? undefined : await RowTable.open(dataSource, schema, appends),
  };
}

/** The work of a projector: fold, upsert, checkpoint. */
export class ProjectorBatches implements BatchProcessor {
  readonly name: string;
  readonly topics: readonly string[];
  readonly schema: string;
  readonly state = 'projection';
  readonly version: number;
  readonly maxRecords = 500;
  private readonly declaration: Declaration;
  private readonly metrics;
  private opened: { readonly parts: ProjectionParts; readonly projection: Projection; readonly warm: WarmProjection } | undefined;

  constructor(
    projector: ProjectorClass,
    private readonly parts: ProjectorParts,
  ) {
    this.declaration = declarationOf(projector);
    this.name = this.declaration.name;
    this.topics = this.declaration.topics;
    this.schema = this.declaration.schema;
    this.version = this.declaration.version;
    this.metrics = projectionMetrics(this.name);
  }

  async open(): Promise<void> {
    const parts = await openProjection(this.declaration, this.parts);
    const warm = new WarmProjection(parts, outsideTransaction(this.parts.dataSource));
    this.opened = { parts, projection: new Projection(parts), warm };
  }

  /** A restored database may have given away the ids of events and transactions that remembered rows are known by. */
  forget(): void {
    this.ready().warm.forgetAll();
  }

  /** Every event moves the checkpoint of its aggregate. */
  idsOf({ aggregateId }: RecordedEvent): readonly string[] {
    return [aggregateId];
  }

  async handle(batch: RecordBatch): Promise<void> {
    const started = performance.now();
    const { records, isolated, move } = batch;
    const warm = isolated ? undefined : await this.ready().warm.project(records, move);
    const outcome = warm ?? (await this.loaded(batch));
    this.committed(outcome, (performance.now() - started) / 1000, records.at(-1)?.event.time);
  }

  /** For batches that are not warm: reads in one message, writes in another, with the commit. */
  private async loaded({ records, isolated, moveOffsets, deadLetter }: RecordBatch): Promise<Outcome> {
    const { projection, warm } = this.ready();
    const left: [WorkingSet, Promise<unknown[]>][] = [];
    warm.forget(records.map(({ event }) => event.aggregateId));
    const outcome = await inTransaction(this.parts.dataSource, async (tx) => {
      const before = moveOffsets(tx);
      const write: Around['write'] = (set, statement) => void left.push([set, tx.last(...statement)]);
      if (isolated) await before;
      const projected = await (isolated ? projection.oneByOne(tx, records) : projection.project(tx, records, { before, write }));
      const foreign = await foreignAmong(tx, projected.foreign, ({ id }) => id);
      await deadLetter(foreign.map(({ message, detail }) => ({ message, note: { reason: 'foreign', detail, attempts: 1 } })));
      return projected;
    });
    for (const [set, rows] of left) warm.keep(set, (await rows) as Record<string, unknown>[]);
    return outcome;
  }

  async build({ why, where }: UnusableOffset, on: Log): Promise<boolean> {
    const started = performance.now();
    log.info({ projector: this.name, why, where }, 'building from the event store');
    const { dataSource, kafka } = this.parts;
    const outcome = await build({ ...this.ready().parts, dataSource, kafka, offsets: new Offsets(this) }, on);
    if (!outcome) return false;
    this.count(outcome);
    void this.tell(undefined);
    const seconds = (performance.now() - started) / 1000;
    log.info({ projector: this.name, events: outcome.events, parked: outcome.parked.length, seconds }, 'built from the store');
    return true;
  }

  /** Redrives what operators marked, and what older releases parked. */
  async poll(): Promise<void> {
    const { dataSource } = this.parts;
    const { projection, warm, parts } = this.ready();
    for (const aggregateId of await toRedrive(dataSource, parts)) {
      warm.forget([aggregateId]);
      const { rows, ...redriven } = await redriveOne({ projection, ...parts }, aggregateId, dataSource);
      if (rows.size > 0) void this.tell(rows);
      log.info({ projector: this.name, aggregateId, ...redriven }, 'redriven');
    }
  }

  private ready() {
    if (!this.opened) throw new Error(`${this.name} was not opened`);
    return this.opened;
  }

  private count(outcome: Outcome): void {
    this.metrics.events(outcome.events);
    this.metrics.duplicates(outcome.duplicates);
    this.metrics.gaps(outcome.gaps);
    this.metrics.foreign(outcome.foreign.length);
    for (const { aggregateId, reason } of outcome.parked) {
      this.metrics.parked(reason);
      log.error({ projector: this.name, aggregateId, reason }, 'an aggregate is parked: see the view parked, then redrive');
    }
  }

  private committed(outcome: Outcome, seconds: number, newest: string | undefined): void {
    this.count(outcome);
    this.metrics.batch(seconds);
    if (newest !== undefined) this.metrics.freshness(Math.max(0, (Date.now() - Date.parse(newest)) / 1000));
    if (outcome.rows.size > 0) void this.tell(outcome.rows);
  }

  private async tell(rows: ReadonlyMap<string, object> | undefined): Promise<void> {
    try {
      await this.parts.listener?.committed(this.name, rows);
    } catch (error) {
      log.warn({ err: error, projector: this.name }, 'a commit listener failed');
    }
  }
}
