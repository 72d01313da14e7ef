import { isUuid, topics } from '@tradecore/events';
import type { IncomingMessage, KafkaClient } from '@tradecore/messaging';

/** One record that a consumer could not handle, as it lies on the topic of dead letters. */
export interface Letter {
  /** group/topic/partition/offset of the original. */
  readonly key: string;
  readonly group: string;
  readonly reason: string;
  readonly detail: string;
  /** RFC 3339: when the original was written. */
  readonly at: string;
  /** As the original's headers say, which anyone may have written. */
  readonly eventId: string | undefined;
}

/** The letters that wait, and whether there are more than are counted. */
export interface Letters {
  readonly letters: readonly Letter[];
  readonly isAll: boolean;
}

const topic = topics.deadLetters.name;
/** Letters that are kept in memory at once: 500 bytes or so each. */
const lettersLimit = 100_000;

/** The text of a header; of one that stands several times the first. */
export const headerText = ({ headers }: IncomingMessage, name: string): string | undefined => {
  const [first] = [headers[name]].flat();
  return first === undefined ? undefined : String(first);
};

/** Reads the topic to its end: of each key the last record counts, and none that was dropped. Oldest first. */
export async function readLetters(kafka: KafkaClient): Promise<Letters> {
  const waiting = new Map<string, Letter>();
  let isAll = true;
  await kafka.readTopic(topic, (records) => {
    for (const record of records) {
      const key = String(record.key);
      if (record.value === null) waiting.delete(key);
      else if (waiting.has(key) || waiting.size < lettersLimit) waiting.set(key, letterOf(key, record));
      else isAll = false;
    }
  });
  const letters = [...waiting.values()].sort((one, other) => one.at.localeCompare(other.at) || one.key.localeCompare(other.key));
  return { letters, isAll };
}

/** The whole record of one letter; `undefined` when none waits under this key. */
export async function readLetter(
  kafka: KafkaClient,
  key: string,
): Promise<{ letter: Letter; record: IncomingMessage } | undefined> {
  let last: IncomingMessage | undefined;
  await kafka.readTopic(topic, (records) => {
    last = records.findLast((record) => String(record.key) === key) ?? last;
  });
  return last === undefined || last.value === null ? undefined : { letter: letterOf(key, last), record: last };
}

/** Takes a letter from the topic: a record without a value under its key. */
export const removeLetter = (kafka: KafkaClient, { key }: Letter): Promise<void> =>
  kafka.eventBus().publish(topic, { key, value: null });

function letterOf(key: string, record: IncomingMessage): Letter {
  const written = Number(headerText(record, 'dl_timestamp') ?? record.timestamp);
  const eventId = headerText(record, 'original_header_ce_id');
  return {
    key,
    group: headerText(record, 'dl_group') ?? '',
    reason: headerText(record, 'dl_reason') ?? '',
    detail: (headerText(record, 'dl_detail') ?? '').slice(0, 200),
    at: new Date(Number.isFinite(written) && written >= 0 ? written : 0).toISOString(),
    eventId: eventId !== undefined && isUuid(eventId) ? eventId : undefined,
  };
}
