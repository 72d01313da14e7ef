import type { RecordedEvent } from '@tradecore/events';
import { declarationOf, type ProjectorClass, type RowOf } from './projector.ts';

/**
 * Folds events of one key, in order, starting from `row`: the very fold that the live projection, the rebuild and as-of reads use.
 * Events must be upcast (as `EventStore` hands them out). `undefined` when there was no row and nothing that the projector folds.
 */
export function fold<P extends object>(
  projector: ProjectorClass<P>,
  events: Iterable<RecordedEvent>,
  row?: RowOf<P>,
): RowOf<P> | undefined {
  const declaration = declarationOf(projector);
  let current: object | undefined = row as object | undefined;
  for (const event of events) current = declaration.fold(current, event)?.row ?? current;
  return current as RowOf<P> | undefined;
}

/** The lines that folding these events of one key would append, in order; see `Appending`. */
export function foldAppended<P extends object>(
  projector: ProjectorClass<P>,
  events: Iterable<RecordedEvent>,
  row?: RowOf<P>,
): object[] {
  const declaration = declarationOf(projector);
  let current: object | undefined = row as object | undefined;
  const lines: object[] = [];
  for (const event of events) {
    const folded = declaration.fold(current, event);
    current = folded?.row ?? current;
    lines.push(...(folded?.append ?? []));
  }
  return lines;
}
