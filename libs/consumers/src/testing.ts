import { isDeepStrictEqual } from 'node:util';
import { upcast, type Catalogue, type RecordedEvent } from '@tradecore/events';
import { Projection } from './projector/projection.ts';
import { openProjection, type ProjectorParts } from './projector/projector-batches.ts';
import { declarationOf, fold, foldAppended } from './projector/projector.ts';
import { redriveOne, type Redriven } from './projector/redrive.ts';
import type { ProjectorClass, RowOf } from './projector/projector.ts';

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

function same(found: unknown, expected: unknown): void {
  if (isDeepStrictEqual(found, expected)) return;
  throw new Error(`expected ${JSON.stringify(expected, null, 2)}\nbut found ${JSON.stringify(found, null, 2)}`);
}

/** `givenEvents(Orders, placed).thenRow({ ... })`: folds the events of one key and compares, without a database. */
export function givenEvents<P extends object>(projector: ProjectorClass<P>, ...events: RecordedEvent[]): Folded<P> {
  const steps = () => {
    let row: RowOf<P> | undefined;
    const lines: object[] = [];
    for (const event of frozen(events)) {
      lines.push(...foldAppended(projector, [event], row));
      row = frozen(fold(projector, [event], row));
    }
    return { row, lines };
  };
  return {
    thenRow: (expected) => same(steps().row, expected),
    thenAppended: (...expected) => same(steps().lines, expected),
    thenNothing: () => same(steps().row, undefined),
  };
}

/**
 * The rows by key, and the lines, that a projector makes from stored events of many aggregates, in this order, as a
 * rebuild would.
 */
export function foldHistory(
  projector: ProjectorClass,
  catalogue: Catalogue,
  history: readonly RecordedEvent[],
): { readonly rows: Readonly<Record<string, object>>; readonly lines: readonly object[] } {
  const { fold: foldOne, handles, key } = declarationOf(projector);
  const rows: Record<string, object> = {};
  const lines: object[] = [];
  for (const stored of history.filter(({ type }) => handles(type))) {
    const event = upcast(catalogue, stored);
    const folded = foldOne(rows[key(event)], frozen(event));
    if (!folded) continue;
    rows[key(event)] = frozen(folded.row);
    lines.push(...folded.append);
  }
  return { rows, lines };
}

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
