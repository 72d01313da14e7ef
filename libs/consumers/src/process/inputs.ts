import { isDeepStrictEqual } from 'node:util';
import { causedEventId, upcast, type Catalogue, type RecordedEvent } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import type { EventRecord } from '../offsets/batch-processor.ts';
import type { Process } from './process.ts';

/** An event that a process hears. */
export interface Input {
  /** As it came. */
  readonly event: RecordedEvent;
  /** In its newest shape; an `Error` where this build does not know it. */
  readonly newest: RecordedEvent | Error;
  /** Of the aggregates that the decision concerns; the last is the saga. */
  readonly ids: readonly string[];
  /** Why the event does not say whom it concerns; it is parked then. */
  readonly fault?: unknown;
  /** The record that it came in; absent when it comes from the store. */
  readonly record?: EventRecord | undefined;
}

/** The saga that hears an input. */
export const sagaOf = ({ ids }: Input): string => ids.at(-1) as string;

/** The ids of the first events that a decision about an input could store: one that is there says that the input was handled. */
export const firstIds = ({ event, ids }: Input): string[] => ids.map((id) => causedEventId(event.id, id, 0));

/** An event as an input; `undefined` when it means nothing to the process. */
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

/** Nothing from a topic counts before the store has said that it holds just this. */
export const isSame = (
  stored: Pick<RecordedEvent, 'aggregateId' | 'aggregateVersion' | 'type' | 'data'> | undefined,
  { aggregateId, aggregateVersion, type, data }: RecordedEvent,
): boolean =>
  stored?.aggregateId === aggregateId &&
  stored.aggregateVersion === aggregateVersion &&
  stored.type === type &&
  isDeepStrictEqual(stored.data, data);

/** What the store holds under the ids of these events. One statement. */
export async function confirmed(
  tx: Transaction,
  events: readonly RecordedEvent[],
): Promise<Map<string, Pick<RecordedEvent, 'aggregateId' | 'aggregateVersion' | 'type' | 'data'>>> {
  const rows = (await tx.query(
    `select event_id as id, aggregate_id as "aggregateId", aggregate_version as "aggregateVersion", event_type as type, event_data as data
       from event_store where event_id = any($1::uuid[])`,
    [events.map(({ id }) => id)],
  )) as RecordedEvent[];
  return new Map(rows.map((row) => [row.id, row]));
}

/** What is said of a record that the store does not hold. */
export const foreignLetter = ({ event, message }: EventRecord) => ({
  message,
  note: {
    reason: 'foreign' as const,
    detail: `the store holds no such event ${event.id} as version ${event.aggregateVersion} of ${event.aggregateId}`,
    attempts: 1,
  },
});
