import type { RecordedEvent } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import { logger } from '@tradecore/telemetry';
import type { EventRecord } from '../offsets/batch-processor.ts';
import { BoundedCache } from '../offsets/bounded-cache.ts';
import { confirmedCte, toConfirm } from '../offsets/confirmed.ts';
import type { MoveStatement } from '../offsets/offsets.ts';
import type { Checkpoint } from './checkpoints.ts';
import { Outcome } from './outcome.ts';
import { changedLines, changedRows, type ProjectionParts } from './projection.ts';
import { lockingSlots, slotsOf } from './row-table.ts';
import { WorkingSet } from './working-set.ts';

/** An aggregate as the model held it after its last commit. */
interface Warm {
  readonly version: number;
  readonly eventId: string | null;
  /** As the database returned it; not used where rows are shared. */
  readonly row: object | undefined;
}

/** A row that several aggregates feed, after the last commit of this process. */
interface SharedRow {
  readonly row: object;
  /** The transaction that wrote it, as `xmin`. */
  readonly writer: string;
}

const log = logger('consumers');
const remembered = 5000;
/** Where other processes write the same shared rows, a batch that assumes costs more than one that loads. */
const batchesLoadedAfterStale = 50;

/**
 * The usual batch: rows and checkpoints of the last batches are known, or the aggregate is new, so that events are
 * folded before the database is asked. One statement moves the offsets, verifies that checkpoints, shared rows and
 * events are as assumed, and writes; if anything differs it raises, nothing has changed, and the slow path loads.
 */
export class WarmProjection {
  private readonly known = new BoundedCache<string, Warm>(remembered);
  private readonly sharedRows = new BoundedCache<string, SharedRow>(remembered);
  private toLoad = 0;

  constructor(
    private readonly parts: ProjectionParts,
    private readonly connection: Transaction,
  ) {}

  /** `undefined`: not everything is warm, or not as assumed. */
  async project(records: readonly EventRecord[], move: MoveStatement): Promise<Outcome | undefined> {
    if (this.toLoad > 0) return void (this.toLoad -= 1);
    const set = this.folded(records.map(({ event }) => event));
    if (!set) return undefined;
    try {
      const [row] = (await this.connection.query(...this.statement(set, records, move))) as {
        rows: Record<string, unknown>[] | null;
      }[];
      this.keep(set, row?.rows ?? []);
      return set.outcome;
    } catch (error) {
      log.debug({ err: error, projector: this.parts.declaration.name }, 'cached rows were stale; loading the batch');
      this.forget(set.changedCheckpoints.keys());
      for (const key of set.changedRows.keys()) this.sharedRows.delete(key);
      if (this.parts.declaration.shared) this.toLoad = batchesLoadedAfterStale;
      return undefined;
    }
  }

  /** Keeps the results of a batch, after its commit. `rows`: those it wrote, as the database returned them. */
  keep(set: WorkingSet, rows: readonly Record<string, unknown>[]): void {
    const { table, declaration } = this.parts;
    const written = table.rowsOf(rows);
    const isKept = (id: string): boolean => declaration.shared || written.has(id) || set.isLoaded(id);
    for (const { aggregateId, version, eventId, parked } of set.changedCheckpoints.values()) {
      if (parked || !isKept(aggregateId)) this.known.delete(aggregateId);
      else this.known.set(aggregateId, { version, eventId, row: written.get(aggregateId) ?? set.row(aggregateId) });
    }
    if (!declaration.shared) return;
    const writers = table.writersOf(rows);
    for (const [key, row] of written) this.sharedRows.set(key, { row, writer: writers.get(key) ?? '' });
  }

  /** Forgets aggregates whose rows may have changed elsewhere. */
  forget(aggregateIds: Iterable<string>): void {
    for (const id of aggregateIds) this.known.delete(id);
  }

  /** Forgets everything. */
  forgetAll(): void {
    this.known.clear();
    this.sharedRows.clear();
  }

  /** `undefined` where an aggregate or a shared row is unknown, a version does not follow, or a fold fails. */
  private folded(events: readonly RecordedEvent[]): WorkingSet | undefined {
    const checkpoints = new Map<string, Checkpoint>();
    const set = new WorkingSet(this.parts, checkpoints, new Outcome());
    for (const event of events) {
      const { aggregateId, aggregateVersion } = event;
      const warm = this.known.get(aggregateId) ?? { version: 0, eventId: null, row: undefined };
      if (!checkpoints.has(aggregateId))
        checkpoints.set(aggregateId, { aggregateId, version: warm.version, eventId: warm.eventId });
      if (aggregateVersion !== set.checkpoint(aggregateId).version + 1) return undefined;
      if (!this.takeRow(set, event, warm)) return undefined;
      try {
        set.fold(event);
      } catch {
        return undefined; // the slow path parks it
      }
    }
    return set;
  }

  /** Takes the row that the event changes into the set; false when it is not known. */
  private takeRow(set: WorkingSet, event: RecordedEvent, { row: own }: Warm): boolean {
    const { shared } = this.parts.declaration;
    const key = shared ? set.keyOf(event) : event.aggregateId;
    if (!set.missing(key)) return true;
    const row = shared ? this.sharedRows.get(key)?.row : own;
    if (shared && !row) return false;
    set.take([key], new Map(row ? [[key, row]] : []));
    return true;
  }

  private statement(set: WorkingSet, records: readonly EventRecord[], move: MoveStatement): [sql: string, parameters: unknown[]] {
    const { declaration, lines } = this.parts;
    const { schema } = declaration;
    const changed = [...set.changedCheckpoints.values()].map(({ aggregateId, version, eventId }) => {
      const before = this.known.get(aggregateId);
      return { aggregateId, known: before?.version ?? 0, knownId: before?.eventId ?? null, version, eventId };
    });
    const events = records.map(({ event }) => event);
    const sharedCount = declaration.shared ? set.changedRows.size : 0;
    const parameters: unknown[] = [
      ...move.parameters,
      JSON.stringify(changed),
      changed.map(({ aggregateId }) => aggregateId),
      toConfirm(events),
      changed.length + events.length + move.count + sharedCount,
    ];
    const first = move.parameters.length + 1;
    const parts = [move.ctes(1), checkpointCtes(schema, first, hasMoved(move)), confirmedCte(first + 2)];
    let written = 'null::json';
    if (set.changedRows.size > 0) {
      parts.push(this.writing(set, parameters, move));
      written = '(select json_agg(w) from written w)';
    }
    if (set.lines.length > 0) {
      parameters.push(JSON.stringify(changedLines(this.parts, set)));
      parts.push(`lines as (${lines?.append(parameters.length)})`);
    }
    const counted = ['moved', 'made', 'changed', 'confirmed', ...(sharedCount > 0 ? ['written'] : [])];
    const found = counted.map((cte) => `(select count(*) from ${cte})`).join(' + ');
    // In this order PostgreSQL runs the CTEs, and takes their locks: offsets, checkpoints, rows, as the slow path does. A
    // batch whose offsets are lost takes no further lock: a builder may hold and want them, and one of the two would die.
    return [
      `with ${parts.join(', ')} select ${schema}.must_be_all($${first + 3}::bigint, ${found}), ${written} as rows`,
      parameters,
    ];
  }

  /** The CTEs that write the rows; adds their parameters. Shared ones are locked as the slow path locks them. */
  private writing(set: WorkingSet, parameters: unknown[], move: MoveStatement): string {
    const { declaration, table } = this.parts;
    const rows = changedRows(table, set);
    const next = parameters.length + 1;
    if (!declaration.shared) {
      parameters.push(JSON.stringify(rows));
      return `written as (${table.upsert(next)})`;
    }
    const keys = [...set.changedRows.keys()];
    const known = rows.map((row, n) => ({ ...row, '#xmin': this.sharedRows.get(keys[n] ?? '')?.writer }));
    parameters.push(...slotsOf(declaration.schema, keys), JSON.stringify(known), keys);
    return `locked as materialized (${lockingSlots(next)} where ${hasMoved(move)}),
      written as (${table.update(next + 2, '(select count(*) from locked) > 0')})`;
  }
}

/** SQL: every offset of the batch was as last stored. */
const hasMoved = ({ count }: MoveStatement): string => `(select count(*) from moved) = ${count}`;

/** Leaves checkpoints alone that differ from what was assumed; all of them unless `condition` holds. */
const checkpointCtes = (schema: string, first: number, condition: string): string => `
  given as materialized (
    select * from json_to_recordset($${first}::json) as ("aggregateId" uuid, known int, "knownId" uuid, version int, "eventId" uuid)
     where ${condition}),
  made as (
    insert into ${schema}.checkpoints (aggregate_id, version, event_id)
    select "aggregateId", version, "eventId" from given where known = 0 order by 1 on conflict do nothing returning 1),
  changed as (
    update ${schema}.checkpoints c set version = g.version, event_id = g."eventId" from given g
     where c.aggregate_id = any($${first + 1}::uuid[]) and c.aggregate_id = g."aggregateId" and g.known > 0
       and c.version = g.known and c.event_id = g."knownId" and c.parked_version is null returning 1)`;
