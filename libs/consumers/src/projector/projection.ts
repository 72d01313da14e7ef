import type { Catalogue, RecordedEvent } from '@tradecore/events';
import type { PostgresEventStore, Transaction } from '@tradecore/event-sourcing';
import type { IncomingMessage } from '@tradecore/messaging';
import { ModelDiverged, parkedReason } from '../offsets/errors.ts';
import { confirmed, foreignDetail, isSame } from '../offsets/confirmed.ts';
import { lockCheckpoints, upsertCheckpoints, type Checkpoint } from './checkpoints.ts';
import { savepoint } from '../offsets/transaction.ts';
import { Outcome } from './outcome.ts';
import type { Declaration } from './projector.ts';
import { lockingSlots, slotsOf, type RowTable } from './row-table.ts';
import { WorkingSet } from './working-set.ts';

/** An event to project: from a record of the log, or, without a message, from the store itself. */
export interface Arrival {
  readonly event: RecordedEvent;
  readonly message?: IncomingMessage;
}

/** The dependencies of a projection. */
export interface ProjectionParts {
  readonly declaration: Declaration;
  readonly catalogue: Catalogue;
  readonly store: PostgresEventStore;
  readonly table: RowTable;
  /** The table of appended lines, when the projector has one. */
  readonly lines: RowTable | undefined;
  /** The running release: what it parks, a newer one retries. */
  readonly release: string;
}

/** What a projection does in addition to its own statements. */
export interface Around {
  /** Sent before all its reads. */
  readonly before?: Promise<void>;
  /** Sends its writes with the commit; when absent, they are awaited. */
  readonly write?: (set: WorkingSet, statement: [sql: string, parameters: unknown[]]) => void;
}

/**
 * Applies given events to the rows of one projector, inside a caller's transaction. Versions at or below the
 * checkpoint's are duplicates; a version that skips some is a gap, which the store fills. A record that differs from
 * the store is foreign. What cannot be folded parks its aggregate.
 */
export class Projection {
  constructor(private readonly parts: ProjectionParts) {}

  /**
   * Projects all arrivals at once: its reads travel in one message, behind `before` (those of shared rows once it has
   * succeeded), and nothing is written until all are answered. Throws `ModelDiverged`, and whatever PostgreSQL refuses: then roll back and use `oneByOne`.
   */
  async project(tx: Transaction, arrivals: readonly Arrival[], { before, write }: Around = {}): Promise<Outcome> {
    const { declaration } = this.parts;
    const outcome = new Outcome();
    const known = new Map<string, Checkpoint>();
    const set = new WorkingSet(this.parts, known, outcome);
    const ids = [...new Set(arrivals.map(({ event }) => event.aggregateId))];
    const records = arrivals.flatMap(({ event, message }) => (message ? [event] : []));
    const [, checkpoints, stored] = await Promise.all([
      before,
      lockCheckpoints(tx, declaration.schema, ids),
      records.length === 0 ? undefined : confirmed(tx, records),
      this.load(
        tx,
        set,
        arrivals.map(({ event }) => event),
        before,
      ),
    ]);
    for (const [id, checkpoint] of checkpoints) known.set(id, checkpoint);
    for (const event of asStored(arrivals, stored, outcome)) await this.step(tx, set, event);
    const statement = this.written(set);
    if (statement && write) write(set, statement);
    else if (statement) await tx.query(...statement);
    return outcome;
  }

  /**
   * Like `project`, behind a savepoint; falls back to `oneByOne` when PostgreSQL refuses a value. For work that cannot
   * simply be run again.
   */
  async projectSafely(tx: Transaction, arrivals: readonly Arrival[]): Promise<Outcome> {
    return savepoint(
      tx,
      () => this.project(tx, arrivals),
      () => this.oneByOne(tx, arrivals),
    );
  }

  /** Each arrival behind a savepoint: one whose row PostgreSQL refuses parks its aggregate, and its neighbours pass. */
  async oneByOne(tx: Transaction, arrivals: readonly Arrival[]): Promise<Outcome> {
    const outcome = new Outcome();
    for (const arrival of arrivals) {
      const { aggregateId, aggregateVersion } = arrival.event;
      const single = await savepoint(
        tx,
        () => this.project(tx, [arrival]),
        () => this.fromStore(tx, aggregateId, aggregateVersion),
      );
      outcome.add(single);
    }
    return outcome;
  }

  /** Folds the stored events of an aggregate above its checkpoint, up to a version or all, one by one. */
  async fromStore(tx: Transaction, aggregateId: string, to?: number): Promise<Outcome> {
    const outcome = new Outcome();
    const checkpoint = (await lockCheckpoints(tx, this.parts.declaration.schema, [aggregateId])).get(aggregateId);
    const range = { from: (checkpoint?.version ?? 0) + 1, ...(to !== undefined && { to }) };
    for await (const event of this.parts.store.within(tx).readHistory(aggregateId, range)) {
      const single = await savepoint(
        tx,
        () => this.project(tx, [{ event }]),
        (refusal) => this.parkRefused(tx, event, refusal),
      );
      outcome.add(single);
      if (outcome.parked.length > 0) break;
    }
    return outcome;
  }

  private async parkRefused(tx: Transaction, event: RecordedEvent, refusal: unknown): Promise<Outcome> {
    const {
      declaration: { schema },
      release,
    } = this.parts;
    const outcome = new Outcome();
    const { aggregateId, aggregateVersion: version } = event;
    const checkpoint = (await lockCheckpoints(tx, schema, [aggregateId])).get(aggregateId) ?? {
      aggregateId,
      version: 0,
      eventId: null,
    };
    const parked: Checkpoint = { ...checkpoint, parked: { version, reason: parkedReason('row-refused', refusal), release } };
    await tx.query(upsertCheckpoints(schema, 1), [JSON.stringify([parked])]);
    outcome.parked.push({ aggregateId, reason: 'row-refused' });
    return outcome;
  }

  private async step(tx: Transaction, set: WorkingSet, event: RecordedEvent): Promise<void> {
    const checkpoint = set.checkpoint(event.aggregateId);
    if (checkpoint.parked) return; // the store keeps it until a redrive
    if (event.aggregateVersion <= checkpoint.version) return compareDuplicate(checkpoint, event, set.outcome);
    if (event.aggregateVersion > checkpoint.version + 1) await this.fillGap(tx, set, checkpoint, event);
    if (set.checkpoint(event.aggregateId).parked) return;
    await this.loadKey(tx, set, event);
    try {
      set.fold(event);
    } catch (error) {
      set.park(event, error);
    }
  }

  /**
   * Folds the events between the checkpoint and this event. The checkpoint's own event is read again: nothing may build
   * on a wrong one.
   */
  private async fillGap(tx: Transaction, set: WorkingSet, checkpoint: Checkpoint, upTo: RecordedEvent): Promise<void> {
    set.outcome.gaps += 1;
    const range = { from: Math.max(checkpoint.version, 1), to: upTo.aggregateVersion - 1 };
    for await (const event of this.parts.store.within(tx).readHistory(upTo.aggregateId, range)) {
      if (event.aggregateVersion === checkpoint.version) {
        if (event.id !== checkpoint.eventId)
          throw new ModelDiverged(event.aggregateId, checkpoint.version, checkpoint.eventId, event.id);
        continue;
      }
      await this.loadKey(tx, set, event);
      try {
        set.fold(event);
      } catch (error) {
        return set.park(event, error);
      }
    }
  }

  /**
   * Loads the rows that the events change. For a shared projector their keys are locked first, and only once `before`
   * has succeeded: a builder, which holds the offsets, may hold these locks, and want the checkpoints that are locked here.
   */
  private async load(tx: Transaction, set: WorkingSet, events: readonly RecordedEvent[], before?: Promise<void>): Promise<void> {
    const { declaration, table } = this.parts;
    const named = events.map((event) => set.keyOf(event)).filter((key) => set.missing(key));
    const keys = [...new Set(named)].filter((key) => table.hasKey(key)).sort();
    if (keys.length === 0) return;
    if (declaration.shared) await before;
    const locked = declaration.shared ? tx.query(lockingSlots(1), slotsOf(declaration.schema, keys)) : undefined;
    const [rows] = await Promise.all([table.load(tx, keys), locked]);
    set.take(keys, rows);
  }

  /**
   * For a key that the batch did not name before. A shared projector locks it out of order: two batches that fill gaps
   * may then deadlock; PostgreSQL aborts one after a second, and that one starts over.
   */
  private async loadKey(tx: Transaction, set: WorkingSet, event: RecordedEvent): Promise<void> {
    if (set.missing(set.keyOf(event))) await this.load(tx, set, [event]);
  }

  /** The statement that writes the changes. */
  private written(set: WorkingSet): [sql: string, parameters: unknown[]] | undefined {
    const { table, lines, declaration } = this.parts;
    if (set.changedCheckpoints.size === 0) return undefined;
    const parameters: object[][] = [[...set.changedCheckpoints.values()]];
    const parts = [`checkpoints as (${upsertCheckpoints(declaration.schema, 1)})`];
    if (set.changedRows.size > 0) {
      parameters.push(changedRows(table, set));
      parts.push(`written as (${table.upsert(parameters.length)})`);
    }
    if (set.lines.length > 0) {
      parameters.push(changedLines(this.parts, set));
      parts.push(`lines as (${lines?.append(parameters.length)})`);
    }
    const rows = set.changedRows.size > 0 ? 'select * from written' : 'select where false';
    return [`with ${parts.join(', ')} ${rows}`, parameters.map((each) => JSON.stringify(each))];
  }
}

/** The rows of a working set in the form that `upsert` takes. */
export const changedRows = (table: RowTable, set: WorkingSet): object[] =>
  [...set.changedRows].map(([key, row]) => table.withKey(row, key));

/** The lines of a working set in the form that `append` takes. */
export function changedLines({ lines, declaration }: ProjectionParts, set: WorkingSet): object[] {
  if (!lines) throw new TypeError(`${declaration.name} appends lines but declares no table for them`);
  return set.lines.map((line) => lines.checked(line));
}

/**
 * The event to fold: for a record, the event as the store holds it. A record that the store does not hold is foreign,
 * and so is one that differs from the stored event with its id, aggregate and version.
 */
function asStored(
  arrivals: readonly Arrival[],
  stored: ReadonlyMap<string, RecordedEvent> | undefined,
  outcome: Outcome,
): RecordedEvent[] {
  return arrivals.flatMap(({ event, message }) => {
    const own = stored?.get(event.id);
    if (!message || isSame(own, event)) return [event];
    const isHeld = own?.aggregateId === event.aggregateId && own.aggregateVersion === event.aggregateVersion;
    const differs = `differs from the event ${event.id} as the store holds it`;
    outcome.foreign.push({ message, id: event.id, detail: isHeld ? differs : foreignDetail(event) });
    return isHeld ? [own] : [];
  });
}

function compareDuplicate(checkpoint: Checkpoint, event: RecordedEvent, outcome: Outcome): void {
  if (event.aggregateVersion === checkpoint.version && event.id !== checkpoint.eventId) {
    throw new ModelDiverged(event.aggregateId, checkpoint.version, checkpoint.eventId, event.id);
  }
  outcome.duplicates += 1;
}
