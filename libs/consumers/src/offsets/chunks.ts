import { decode, Undecodable, type Batch, type IncomingMessage, type TopicPartition } from '@tradecore/messaging';
import type { BatchProcessor, DeadLetter, EventRecord } from './batch-processor.ts';

/** A part of a partition's log, handled in one transaction. */
export interface Chunk extends TopicPartition {
  /** The offset after it. */
  readonly to: bigint;
  /** The last record before `to`, relevant or not. */
  readonly last?: IncomingMessage | undefined;
  readonly records: readonly EventRecord[];
  readonly deadLetters: readonly DeadLetter[];
}

/** Cuts a batch, from an offset on, into chunks of at most `maxRecords` relevant records; the last may be empty. */
export function chunksOf(batch: Batch, from: bigint, processor: Pick<BatchProcessor, 'idsOf' | 'maxRecords'>): Chunk[] {
  const { topic, partition } = batch;
  const chunks: Chunk[] = [];
  let records: EventRecord[] = [];
  let deadLetters: DeadLetter[] = [];
  let last: IncomingMessage | undefined;
  const cut = (to: bigint): void => {
    chunks.push({ topic, partition, to, last, records, deadLetters });
    [records, deadLetters] = [[], []];
  };
  for (const message of batch.messages) {
    if (message.offset < from) continue;
    if (records.length + deadLetters.length >= processor.maxRecords) cut(message.offset);
    last = message;
    const event = decode(message);
    if (event instanceof Undecodable) deadLetters.push(undecodable(message, event));
    else if (processor.idsOf(event)) records.push({ event, message });
  }
  cut(batch.nextOffset);
  return chunks;
}

/** Whether a chunk only has to move its offset. */
export const isEmpty = ({ records, deadLetters }: Chunk): boolean => records.length + deadLetters.length === 0;

const undecodable = (message: IncomingMessage, { reason, detail }: Undecodable): DeadLetter => ({
  message,
  note: { reason: 'undecodable', detail: `${reason}: ${detail}`, attempts: 1 },
});
