import type { ComparedEvent, DigestedRecord, RecordPlace } from '@tradecore/checks';
import { bucketAt, digested } from '@tradecore/checks';
import { decode, Undecodable, type IncomingMessage, type KafkaClient, type TopicPartition } from '@tradecore/messaging';

/** A record of a topic that holds an event. */
export interface SeenEvent extends ComparedEvent, RecordPlace {
  readonly topic: string;
}

/** A record that holds none. */
export interface NoEvent extends TopicPartition {
  readonly offset: bigint;
  readonly why: string;
}

/** What a record holds. */
function eventIn(message: IncomingMessage): SeenEvent | NoEvent {
  const { topic, partition, offset, value } = message;
  const event = decode(message);
  if (event instanceof Undecodable) return { topic, partition, offset, why: `${event.reason}: ${event.detail}` };
  const { id, aggregateId, aggregateVersion, type, time } = event;
  return { id, aggregateId, aggregateVersion, type, time, value: value ?? '', topic, partition, offset };
}

export const isEvent = (seen: SeenEvent | NoEvent): seen is SeenEvent => 'id' in seen;

/** What the records of a stretch hold, in order. */
export async function seenIn(
  kafka: KafkaClient,
  partition: TopicPartition,
  stretch: { readonly from: bigint; readonly to: bigint },
): Promise<(SeenEvent | NoEvent)[]> {
  const found: (SeenEvent | NoEvent)[] = [];
  await kafka.readStretch(partition, stretch, (records) => void found.push(...records.map(eventIn)));
  return found;
}

/** The events of ten seconds, wherever their records lie in these ranges. */
export async function seenWithin(
  kafka: KafkaClient,
  { topic, at, ranges }: { topic: string; at: number; ranges: ReadonlyMap<number, readonly [first: bigint, last: bigint]> },
): Promise<SeenEvent[]> {
  const found: SeenEvent[] = [];
  for (const [partition, [from, last]] of ranges) {
    const seen = await seenIn(kafka, { topic, partition }, { from, to: last + 1n });
    found.push(...seen.filter(isEvent).filter(({ time }) => bucketAt(time) === at));
  }
  return found;
}

/** The record of an event, with its digest in place of its value. */
export const placed = (event: SeenEvent): DigestedRecord => ({
  ...digested(event),
  partition: event.partition,
  offset: event.offset,
});
