/** Headers of a record to be written. Values are UTF-8. */
export type Headers = Readonly<Record<string, string>>;

/** A record to be written. The key decides the partition (murmur2, as Java clients do), and with it the order. */
export interface OutgoingMessage {
  readonly key: string;
  /** Bytes or UTF-8 text, sent as they are. Null is a tombstone (compacted topics). */
  readonly value: string | Buffer | null;
  readonly headers?: Headers | undefined;
}

/** A record as it was read. `topic` is without namespace; offsets are exact (bigint). */
export interface IncomingMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since 1970, set by the producer's client. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** A header that stands several times in the record is an array. */
  readonly headers: Readonly<Record<string, RawHeader>>;
}

/** A header's value as the client library hands it over. */
export type RawHeader = Buffer | string | (Buffer | string)[] | undefined;

/** A partition of a topic; `topic` is without namespace. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The key of a partition in maps: `transport.order-events/3`. */
export const partitionKey = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
