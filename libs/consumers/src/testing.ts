import { deepStrictEqual } from 'node:assert';
import { upcast, type Catalogue, type RecordedEvent } from '@tradecore/events';
import { Projection } from './projector/projection.ts';
import { openProjection, type ProjectorParts } from './projector/projector-batches.ts';
import { declarationOf, type ProjectorClass, type RowOf } from './projector/projector.ts';
import { redriveOne, type Redriven } from './projector/redrive.ts';

/** Assertions about a projector after some events. */
export interface Folded<P extends object> {
  /** The row is exactly this. Throws with both shown when it is not. */
  thenRow(expected: RowOf<P>): void;
  /** The lines appended are exactly these, in order. */
  thenAppended(...expected: object[]): void;
  /** There is no row: the projector ignores these events. */
  thenNothing(): void;
}

/** Deep-freezes, so that a fold which changes its input throws in a test instead of corrupting state in production. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const each of Object.values(value)) frozen(each);
  }
  return value;
}

/** What a projector makes from some events. */
export interface Made {
  /** By key. */
  readonly rows: Readonly<Record<string, object>>;
  readonly lines: readonly object[];
}

function make(projector: ProjectorClass, history: readonly RecordedEvent[], newest = (event: RecordedEvent) => event): Made {
  const { fold, handles, key } = declarationOf(projector);
  const rows: Record<string, object> = {};
  const lines: object[] = [];
  for (const stored of history.filter(({ type }) => handles(type))) {
    const event = newest(stored);
    const folded = fold(rows[key(event)], frozen(event));
    if (!folded) continue;
    rows[key(event)] = frozen(folded.row);
    lines.push(...folded.append);
  }
  return { rows, lines };
}

/** `givenEvents(Orders, placed).thenRow({ ... })`: folds the events of one key and compares, without a database. */
export function givenEvents<P extends object>(projector: ProjectorClass<P>, ...events: RecordedEvent[]): Folded<P> {
  return {
    thenRow: (expected) => deepStrictEqual(Object.values(make(projector, events).rows), [expected]),
    thenAppended: (...expected) => deepStrictEqual(make(projector, events).lines, expected),
    thenNothing: () => deepStrictEqual(make(projector, events).rows, {}),
  };
}

/** What a projector makes from stored events of many aggregates, in this order, as a rebuild would. */
export const foldHistory = (projector: ProjectorClass, catalogue: Catalogue, history: readonly RecordedEvent[]): Made =>
  make(projector, history, (event) => upcast(catalogue, event));

/**
 * Clears the park marker of an aggregate and folds the stored events beyond its checkpoint, as a running projector does
 * when it is asked to. An aggregate that is not parked is brought up to date too. Throws `ProjectionBusy` while a
 * builder is running.
 */
export async function redrive(
  projector: ProjectorClass,
  aggregateId: string,
  parts: Omit<ProjectorParts, 'kafka' | 'listener'>,
): Promise<Omit<Redriven, 'rows'>> {
  const opened = await openProjection(declarationOf(projector), parts);
  const projection = new Projection(opened);
  const { rows: _, ...redriven } = await redriveOne({ projection, ...opened }, aggregateId, parts.dataSource);
  return redriven;
}
