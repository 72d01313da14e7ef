import { CorrectionApplied, type RecordedEvent } from '@tradecore/events';
import type { Transaction } from '@tradecore/event-sourcing';
import type { EventRecord, RecordBatch } from '../offsets/batch-processor.ts';
import { foreignAmong, foreignLetter, isSame } from '../offsets/confirmed.ts';
import type { ConsumerParts } from './begin.ts';
import { sagaOf, type Input } from './inputs.ts';

type Asked = RecordedEvent<CorrectionApplied>;
type AskedRecord = EventRecord & { readonly event: Asked };

/** Whether it is a correction that asks this process to hear stored events again. */
export const isAsked = (event: RecordedEvent, name: string): event is Asked => {
  const { kind, owner } = event.data as Partial<CorrectionApplied['data']>;
  return event.type === CorrectionApplied.type && kind === 'redeliver' && owner === name;
};

/** The process that is asked. */
export interface AskedProcess extends Pick<ConsumerParts, 'store'> {
  readonly name: string;
  readonly outside: Transaction;
  readonly inputOf: (event: RecordedEvent) => Input | undefined;
}

/**
 * The stored events that corrections among these records ask to be heard again: those of the saga that each names.
 * Corrections that the store does not hold become dead letters.
 */
export async function heardAgain(
  { name, store, outside, inputOf }: AskedProcess,
  { records, deadLetter }: Pick<RecordBatch, 'records' | 'deadLetter'>,
): Promise<Input[]> {
  const asked = records.filter((record): record is AskedRecord => isAsked(record.event, name));
  if (asked.length === 0) return [];
  const { events } = await store.loadMany(
    [],
    asked.flatMap(({ event: { id, data } }) => [id, ...data.events]),
  );
  const strangers = asked.filter(({ event }) => !isSame(events.get(event.id), event));
  await deadLetter((await foreignAmong(outside, strangers, ({ event }) => event.id)).map(foreignLetter));
  return asked
    .filter((record) => !strangers.includes(record))
    .flatMap(({ event: { data } }) =>
      data.events
        .flatMap((id) => events.get(id) ?? [])
        .flatMap((event) => inputOf(event) ?? [])
        .filter((input) => sagaOf(input) === data.target)
        .map((input) => ({ ...input, isAgain: true })),
    );
}
