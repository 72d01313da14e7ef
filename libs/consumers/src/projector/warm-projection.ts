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
import { WorkingSet } from './working-set.ts';

/** An aggregate as the model held it after its last commit. */
interface Warm {
  readonly version: number;
  readonly eventId: string | null;
  /** As the database returned it. */
  readonly row: object | undefined;
}

const log = logger('consumers');
const remembered = 5000;

/**
 * The usual batch of a projector whose rows belong to one aggregate each: rows and checkpoints of the last batches are
 * known, or the aggregate is new, so that events are folded before the database is asked. One statement moves the
 * offsets, verifies that checkpoints and events are as assumed, and writes; if anything differs it raises, nothing has
 * changed, and the slow path loads.
 */
export class WarmProjection {
  private readonly known = new BoundedCache<string, Warm>(remembered);

  constructor(
    private readonly parts: ProjectionParts,
    private readonly connection: Transaction,
  ) {}

  /** `undefined`: not everything is warm, or not as assumed. */
  async project(records: readonly EventRecord[], move: MoveStatement): Promise<Outcome | undefined> {
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
      return undefined;
    }
  }

  /** Keeps the results of a batch, after its commit. `rows`: those it wrote, as the database returned them. */
  keep(set: WorkingSet, rows: readonly Record<string, unknown>[]): void {
    if (this.parts.declaration.shared) return;
    const written = this.parts.table.rowsOf(rows);
    for (const { aggregateId, version, eventId, parked } of set.changedCheckpoints.values()) {
      if (parked || !(written.has(aggregateId) || set.isLoaded(aggregateId))) this.known.delete(aggregateId);
      else this.known.set(aggregateId, { version, eventId, row: written.get(aggregateId) ?? set.row(aggregateId) });
    }
  }

  /** Forgets aggregates whose rows may have changed elsewhere. */
  forget(aggregateIds: Iterable<string>): void {
    for (const id of aggregateIds) this.known.delete(id);
  }

  /** `undefined` where an aggregate is unknown, a version does not follow, or a fold fails. */
  private folded(events: readonly RecordedEvent[]): WorkingSet | undefined {
    if (this.parts.declaration.shared) return undefined;
    const checkpoints = new Map<string, Checkpoint>();
    const set = new WorkingSet(this.parts, checkpoints, new Outcome());
    for (const event of events) {
      const { aggregateId, aggregateVersion } = event;
      if (!set.isLoaded(aggregateId)) {
        const warm = this.known.get(aggregateId) ?? { version: 0, eventId: null, row: undefined };
        checkpoints.set(aggregateId, { aggregateId, version: warm.version, eventId: warm.eventId });
        set.take([aggregateId], new Map(warm.row ? [[aggregateId, warm.row]] : []));
      }
      if (aggregateVersion !== set.checkpoint(aggregateId).version + 1) return undefined;
      try {
        set.fold(event);
      } catch {
        return undefined; // the slow path parks it
      }
    }
    return set;
  }

  private statement(set: WorkingSet, records: readonly EventRecord[], move: MoveStatement): [sql: string, parameters: unknown[]] {
    const { declaration, table, lines } = this.parts;
    const { schema } = declaration;
    const changed = [...set.changedCheckpoints.values()].map(({ aggregateId, version, eventId }) => {
      const before = this.known.get(aggregateId);
      return { aggregateId, known: before?.version ?? 0, knownId: before?.eventId ?? null, version, eventId };
    });
    const events = records.map(({ event }) => event);
    const parameters: unknown[] = [
      ...move.parameters,
      JSON.stringify(changed),
      changed.map(({ aggregateId }) => aggregateId),
      toConfirm(events),
      events.map(({ id }) => id),
      changed.length + events.length + move.count,
    ];
    const first = move.parameters.length + 1;
    const parts = [move.ctes(1), checkpointCtes(schema, first), confirmedCte(first + 2)];
    let written = 'null::json';
    if (set.changedRows.size > 0) {
      parameters.push(JSON.stringify(changedRows(table, set)));
      parts.push(`written as (${table.upsert(parameters.length)})`);
      written = '(select json_agg(w) from written w)';
    }
    if (set.lines.length > 0) {
      parameters.push(JSON.stringify(changedLines(this.parts, set)));
      parts.push(`lines as (${lines?.append(parameters.length)})`);
    }
    const found = ['moved', 'made', 'changed', 'confirmed'].map((cte) => `(select count(*) from ${cte})`).join(' + ');
    return [
      `with ${parts.join(', ')} select ${written} as rows, ${schema}.must_be_all($${first + 4}::bigint, ${found})`,
      parameters,
    ];
  }
}

/** Leaves checkpoints alone that differ from what was assumed. */
const checkpointCtes = (schema: string, first: number): string => `
  given as materialized (
    select * from json_to_recordset($${first}::json) as ("aggregateId" uuid, known int, "knownId" uuid, version int, "eventId" uuid)),
  made as (
    insert into ${schema}.checkpoints (aggregate_id, version, event_id)
    select "aggregateId", version, "eventId" from given where known = 0 order by 1 on conflict do nothing returning 1),
  changed as (
    update ${schema}.checkpoints c set version = g.version, event_id = g."eventId" from given g
     where c.aggregate_id = any($${first + 1}::uuid[]) and c.aggregate_id = g."aggregateId" and g.known > 0
       and c.version = g.known and c.event_id = g."knownId" and c.parked_version is null returning 1)`;
