import { topics } from '@tradecore/events';
import { byteLength, type IncomingMessage, type OutgoingMessage, type RawHeader } from './message.ts';

/** Why a record could not be handled; the label values of the metric. */
export const deadLetterReasons = ['undecodable', 'foreign', 'handler-failed', 'other'] as const;

/** Why and where a record became a dead letter. */
export interface DeadLetterNote {
  /** The consumer group that could not handle it; without namespace. */
  readonly group: string;
  readonly reason: (typeof deadLetterReasons)[number];
  /** For people: which header, which check. */
  readonly detail?: string;
  readonly attempts: number;
  readonly error?: unknown;
}

/** Details and stacks are cut to this many characters. */
const maxTextLength = 4_000;

/** The topic of dead letters. */
export const deadLetterTopic = topics.deadLetters.name;

/** A dead letter may be twice as large as other records; a larger one is truncated and marked as such. */
export const deadLetterBytes = 2_000_000;

/** The fixed key of a dead letter: sent twice, it is one record (the topic is compacted). */
const deadLetterKey = (
  group: string,
  { topic, partition, offset }: Pick<IncomingMessage, 'topic' | 'partition' | 'offset'>,
): string => `${group}/${topic}/${partition}/${offset}`;

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

/** kafkajs treats a header called `toString` or `__proto__` as repeated and puts the inherited value first. */
const isBytes = (value: unknown): value is Buffer | string => typeof value === 'string' || Buffer.isBuffer(value);

/** The note about the original, as headers. */
function notes(
  { topic, partition, offset, timestamp }: IncomingMessage,
  { group, reason, detail, attempts, error }: DeadLetterNote,
) {
  const said = {
    dl_group: group,
    dl_reason: reason,
    dl_detail: detail,
    dl_attempts: attempts,
    dl_error: error === undefined ? undefined : stackOf(error),
    dl_topic: topic,
    dl_partition: partition,
    dl_offset: offset,
    dl_timestamp: timestamp,
  };
  const given = Object.entries(said).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value).slice(0, maxTextLength)]));
}

/**
 * The record of a dead letter: the original's bytes as value, its key and headers as `original_key` and
 * `original_header_<name>`, the note as `dl_<field>`. A value that would exceed `maxBytes` is truncated, and
 * `dl_truncated_from_bytes` holds its original size.
 */
export function toDeadLetter(original: IncomingMessage, note: DeadLetterNote, maxBytes: number): OutgoingMessage {
  const headers: Record<string, RawHeader> = notes(original, note);
  if (original.key !== null) headers['original_key'] = original.key;
  if (original.value === null) headers['original_null'] = 'true';
  for (const [name, value] of Object.entries(original.headers))
    if (value !== undefined) headers[`original_header_${name}`] = Array.isArray(value) ? value.filter(isBytes) : value;
  const value = original.value ?? Buffer.alloc(0);
  const key = deadLetterKey(note.group, original);
  const over = byteLength({ key, value, headers }) - maxBytes;
  if (over <= 0) return { key, value, headers };
  headers['dl_truncated_from_bytes'] = String(value.length);
  return { key, value: value.subarray(0, Math.max(0, value.length - over - 64)), headers };
}
