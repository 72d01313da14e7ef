/** Headers of an outgoing record: text (UTF-8) or bytes; an array repeats the header. */
export type Headers = Readonly<Record<string, RawHeader>>;

/** An outgoing record. Its key decides the partition (murmur2, as in Java clients), and so the order. */
export interface OutgoingMessage {
  readonly key: string;
  /** Bytes or UTF-8 text, sent unchanged. Null is a tombstone (compacted topics). */
  readonly value: string | Buffer | null;
  readonly headers?: Headers;
}

/** An incoming record. `topic` has no namespace; offsets are exact (bigint). */
export interface IncomingMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since 1970, set by the producer's client. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** A repeated header is an array. */
  readonly headers: Readonly<Record<string, RawHeader>>;
  /**
   * Set when this stands for a whole record batch that can't be decoded: which offsets, and why. `value` is the batch
   * as the broker stores it.
   */
  readonly undecodable?: string | undefined;
}

/** A header's value as the client library returns it. */
export type RawHeader = Buffer | string | (Buffer | string)[] | undefined;

/** A partition of a topic; `topic` has no namespace. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** The key of a partition in maps: `transport.order-events/3`. */
export const partitionKey = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** The partition that has this key. */
export function partitionOf(key: string): TopicPartition {
  const at = key.lastIndexOf('/');
  return { topic: key.slice(0, at), partition: Number(key.slice(at + 1)) };
}

/** A record as kafkajs returns it; its types omit what `decodeFetch` adds. */
export interface RawRecord {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: IncomingMessage['headers'];
  readonly undecodable?: string;
}

export const toIncoming = (
  { topic, partition }: TopicPartition,
  { offset, timestamp, key, value, headers = {}, undecodable }: RawRecord,
): IncomingMessage => ({
  topic,
  partition,
  offset: BigInt(offset),
  timestamp: Number(timestamp),
  key,
  value,
  headers,
  undecodable,
});

const sizeOf = (value: string | Buffer | null): number => (value === null ? 0 : Buffer.byteLength(value));

/** Bytes of a record on the wire, overestimated by about 1 %: 32 for its own fields, 8 for each header's. */
export const byteLength = ({ key, value, headers = {} }: OutgoingMessage): number =>
  Object.entries(headers).reduce(
    (sum, [name, each]) => sum + [each ?? ''].flat().reduce((bytes, one) => bytes + name.length + sizeOf(one) + 8, 0),
    sizeOf(key) + sizeOf(value) + 32,
  );
