import { causedEventId, upcast, type Catalogue, type RecordedEvent } from '@tradecore/events';
import type { EventRecord } from '../offsets/batch-processor.ts';
import type { Process } from './process.ts';

/** An event that a process hears. */
export interface Input {
  /** As received. */
  readonly event: RecordedEvent;
  /** In its newest shape; an `Error` where this build does not know it. */
  readonly newest: RecordedEvent | Error;
  /** The aggregates that the decision concerns; the last is the saga. */
  readonly ids: readonly string[];
  /** Why the event does not say which saga it concerns; it is then parked. */
  readonly fault?: unknown;
  /** A correction asks for it: decided under lock, though its saga has heard it. What followed does not follow twice. */
  readonly isAgain?: boolean;
  /** The record that carried it; absent when it comes from the store. */
  readonly record?: EventRecord | undefined;
}

/** The saga that hears an input. */
export const sagaOf = ({ ids }: Input): string => ids.at(-1) as string;

/** The ids of the first events that a decision about an input could store: if one exists, the input was handled. */
export const firstIds = ({ event, ids }: Input): string[] => ids.map((id) => causedEventId(event.id, id, 0));

/** An event as an input; `undefined` when it is irrelevant to the process. */
export function inputOf(process: Process, catalogue: Catalogue, event: RecordedEvent): Input | undefined {
  const newest = newestOf(catalogue, event);
  try {
    const ids = process.idsOf(newest instanceof Error ? event : newest);
    if (ids && ids.length !== process.aggregates.length)
      throw new TypeError(`${ids.length} ids for ${process.aggregates.length} aggregates`);
    return ids && { event, newest, ids };
  } catch (fault) {
    return { event, newest, ids: [event.aggregateId], fault };
  }
}

function newestOf(catalogue: Catalogue, event: RecordedEvent): RecordedEvent | Error {
  try {
    return upcast(catalogue, event);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
