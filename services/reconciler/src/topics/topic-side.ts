import type { ComparedEvent, DigestedRecord, RecordPlace } from '@tradecore/checks';
import { bucketAt, digested } from '@tradecore/checks';
import { decode, Undecodable, type IncomingMessage, type KafkaClient, type TopicPartition } from '@tradecore/messaging';

/** A record of a topic that holds an event. */
export interface SeenEvent extends ComparedEvent, RecordPlace {}

/** A record that holds none. */
export interface NoEvent extends TopicPartition {
  readonly offset: bigint;
  readonly why: string;
}

/** What a record holds. */
export function eventIn(message: IncomingMessage): SeenEvent | NoEvent {
  const { topic, partition, offset, value } = message;
  const event = decode(message);
  if (event instanceof Undecodable) return { topic, partition, offset, why: `${event.reason}: ${event.detail}` };
  const { id, aggregateId, aggregateVersion, type, time } = event;
  return { id, aggregateId, aggregateVersion, type, time, value: value ?? '', partition, offset };
}

export const isEvent = (seen: SeenEvent | NoEvent): seen is SeenEvent => 'id' in seen;

/** The events of ten seconds, wherever their records lie in these ranges. */
export async function seenWithin(
  kafka: KafkaClient,
  { topic, at, ranges }: { topic: string; at: number; ranges: ReadonlyMap<number, readonly [first: bigint, last: bigint]> },
): Promise<DigestedRecord[]> {
  const found: DigestedRecord[] = [];
  for (const [partition, [first, last]] of ranges) {
    await kafka.readStretch({ topic, partition }, { from: first, to: last + 1n }, (records) => {
      for (const event of records.map(eventIn)) {
        if (!isEvent(event) || bucketAt(event.time) !== at) continue;
        found.push({ ...digested(event), partition, offset: event.offset });
      }
    });
  }
  return found;
}
