import { upcast, UnknownEvent, type Catalogue, type RecordedEvent } from '@tradecore/events';
import { parkedReason } from '../offsets/errors.ts';
import type { Checkpoint } from './checkpoints.ts';
import type { Outcome } from './outcome.ts';
import type { ProjectionParts } from './projection.ts';
import type { Declaration } from './projector.ts';

/** Rows and checkpoints of one transaction, in memory: loaded, folded, then written. */
export class WorkingSet {
  readonly changedRows = new Map<string, object>();
  readonly changedCheckpoints = new Map<string, Checkpoint>();
  readonly lines: object[] = [];
  private readonly rows = new Map<string, object>();
  private readonly loaded = new Set<string>();
  private readonly declaration: Declaration;
  private readonly catalogue: Catalogue;
  private readonly release: string;

  constructor(
    { declaration, catalogue, release }: Pick<ProjectionParts, 'declaration' | 'catalogue' | 'release'>,
    private readonly checkpoints: ReadonlyMap<string, Checkpoint>,
    readonly outcome: Outcome,
  ) {
    this.declaration = declaration;
    this.catalogue = catalogue;
    this.release = release;
  }

  /** The current checkpoint. */
  checkpoint(aggregateId: string): Checkpoint {
    return (
      this.changedCheckpoints.get(aggregateId) ?? this.checkpoints.get(aggregateId) ?? { aggregateId, version: 0, eventId: null }
    );
  }

  /**
   * The key of the row that an event changes; `undefined` when the projector ignores it, or its key cannot be computed.
   */
  keyOf(event: RecordedEvent): string | undefined {
    if (!this.declaration.handles(event.type)) return undefined;
    try {
      return this.declaration.key(upcast(this.catalogue, event));
    } catch {
      return undefined; // the fold fails the same way, and parks
    }
  }

  /** The current row of a key; `undefined` when there is none or it was not loaded. */
  row(key: string): object | undefined {
    return this.rows.get(key);
  }

  isLoaded(key: string): boolean {
    return this.loaded.has(key);
  }

  missing(key: string | undefined): key is string {
    return key !== undefined && !this.loaded.has(key);
  }

  /** Takes over loaded rows; a key without one is known to have none. */
  take(keys: readonly string[], rows: ReadonlyMap<string, object>): void {
    for (const key of keys) this.loaded.add(key);
    for (const [key, row] of rows) this.rows.set(key, row);
  }

  /** Folds the next event of an aggregate. Throws the fold's error, or `UnknownEvent`; then nothing has changed. */
  fold(event: RecordedEvent): void {
    if (this.declaration.handles(event.type)) this.foldRow(upcast(this.catalogue, event));
    else this.mustBeKnown(event);
    const { aggregateId, aggregateVersion, id } = event;
    this.changedCheckpoints.set(aggregateId, { aggregateId, version: aggregateVersion, eventId: id });
    this.outcome.events += 1;
  }

  /** Parks an aggregate at the event that could not be folded: its row and checkpoint stay unchanged. */
  park(event: RecordedEvent, error: unknown): void {
    const reason = error instanceof UnknownEvent ? 'unknown-event' : 'fold-failed';
    const parked = { version: event.aggregateVersion, reason: parkedReason(reason, error), release: this.release };
    this.changedCheckpoints.set(event.aggregateId, { ...this.checkpoint(event.aggregateId), parked });
    this.outcome.parked.push({ aggregateId: event.aggregateId, reason });
  }

  private foldRow(event: RecordedEvent): void {
    const key = this.declaration.key(event);
    const folded = this.declaration.fold(this.rows.get(key), event);
    if (!folded) return;
    this.rows.set(key, folded.row);
    this.changedRows.set(key, folded.row);
    this.lines.push(...folded.append);
    this.outcome.rows.set(key, folded.row);
  }

  /** An undeclared type may be one that this projector has to fold: a newer writer is running. */
  private mustBeKnown(event: RecordedEvent): void {
    const declared = Object.hasOwn(this.catalogue, event.aggregateType) ? this.catalogue[event.aggregateType] : undefined;
    if (declared?.events.some(({ type }) => type === event.type)) return;
    throw new UnknownEvent(event, 'no such type in the catalogue');
  }
}
