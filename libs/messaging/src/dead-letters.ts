import { topics } from '@tradecore/events';
import { byteLength, type IncomingMessage, type OutgoingMessage, type RawHeader } from './message.ts';

/** Why a record could not be handled; the label values of the metric. */
export const deadLetterReasons = ['undecodable', 'foreign', 'handler-failed', 'other'] as const;

/** What is said about a dead letter. */
export interface DeadLetterNote {
  /** The consumer group that could not handle it; without namespace. */
  readonly group: string;
  readonly reason: (typeof deadLetterReasons)[number];
  /** For people: which header, which check. */
  readonly detail?: string;
  readonly attempts: number;
  readonly error?: unknown;
}

/** Texts of people and stacks are cut to this many characters. */
const maxTextLength = 4_000;

/** The topic where dead letters lie. */
export const deadLetterTopic = topics.deadLetters.name;

/** The fixed key of a dead letter: sent twice, it is the same one (the topic is compacted). */
const deadLetterKey = (
  group: string,
  { topic, partition, offset }: Pick<IncomingMessage, 'topic' | 'partition' | 'offset'>,
): string => `${group}/${topic}/${partition}/${offset}`;

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

/** kafkajs takes a header called `toString` or `__proto__` for a repeated one and puts what every object inherits in front. */
const isBytes = (value: unknown): value is Buffer | string => typeof value === 'string' || Buffer.isBuffer(value);

/** What is said about the original, as headers. */
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
 * The record of a dead letter: the original's bytes as value, its key and headers as headers `original_key` and `original_header_<name>`,
 * what is said about it as headers `dl_<word>`. A value that would pass `maxBytes` loses its end, and `dl_truncated_from_bytes` says so.
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
