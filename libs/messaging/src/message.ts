/** Headers of a record to be written: texts (UTF-8) or bytes; an array writes the header several times. */
export type Headers = Readonly<Record<string, RawHeader>>;

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
  /** Set where a record batch can't be decoded and this stands for all of it: which offsets, and why. `value` is the batch as the broker keeps it. */
  readonly undecodable?: string | undefined;
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

/** The partition that has this key. */
export function partitionOf(key: string): TopicPartition {
  const at = key.lastIndexOf('/');
  return { topic: key.slice(0, at), partition: Number(key.slice(at + 1)) };
}

/** A record as kafkajs hands it over; its types leave out what `decodeFetch` adds. */
export interface RawRecord {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: IncomingMessage['headers'];
  readonly undecodable?: string;
}

/** A record that was read from a partition. */
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

/** As kafkajs wants it. */
export const toRecord = ({
  key,
  value,
  headers = {},
}: OutgoingMessage): { key: string; value: string | Buffer | null; headers: Headers } => ({
  key,
  value,
  headers,
});

const sizeOf = (value: string | Buffer | null): number => (value === null ? 0 : Buffer.byteLength(value));

/** Bytes that a record takes on the wire, about 1 % too many; 32 for its own fields, 8 for each header's. */
export const byteLength = ({ key, value, headers = {} }: OutgoingMessage): number =>
  Object.entries(headers).reduce(
    (sum, [name, each]) => sum + [each ?? ''].flat().reduce((bytes, one) => bytes + name.length + sizeOf(one) + 8, 0),
    sizeOf(key) + sizeOf(value) + 32,
  );
