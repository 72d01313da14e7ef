import kafkajs from 'kafkajs';
import { crc32c } from './crc32c.ts';
import type { RawHeader } from '../message.ts';

/** What kafkajs passes to `Broker.produce`. */
export interface ProduceParameters {
  readonly acks: number;
  readonly timeout: number;
  readonly transactionalId?: string | null | undefined;
  /** A number as text, or kafkajs's Long. */
  readonly producerId?: string | { toString(): string } | undefined;
  readonly producerEpoch?: number | undefined;
  readonly compression?: number | undefined;
  readonly topicData: readonly { readonly topic: string; readonly partitions: readonly PartitionData[] }[];
}

interface PartitionData {
  readonly partition: number;
  readonly firstSequence?: number;
  readonly messages: readonly ProducedRecord[];
}

/** A record in kafkajs's form. */
export interface ProducedRecord {
  readonly key?: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers?: Readonly<Record<string, RawHeader>>;
  readonly timestamp?: string;
}

const magic = 2;
const transactional = 16;
/** Up to this length, a loop over characters or bytes is faster than a call into the runtime. */
const shortText = 64;
/** Header names are few and repeat; if they are generated, the cache stays small. */
const maxKnownNames = 256;
const knownNames = new Map<string, Buffer>();

/** A buffer that grows. */
class Bytes {
  #buffer: Buffer;
  length = 0;
  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size);
  }
  get written(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }
  #room(size: number): Buffer {
    if (this.length + size > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.length + size));
      this.written.copy(larger);
      this.#buffer = larger;
    }
    return this.#buffer;
  }
  int8(value: number): void {
    this.length = this.#room(1).writeInt8(value, this.length);
  }
  int16(value: number): void {
    this.length = this.#room(2).writeInt16BE(value, this.length);
  }
  int32(value: number): void {
    this.length = this.#room(4).writeInt32BE(value, this.length);
  }
  int64(value: bigint): void {
    this.length = this.#room(8).writeBigInt64BE(value, this.length);
  }
  /** Overwrites an int32 that was reserved earlier. */
  int32At(position: number, value: number): void {
    this.#buffer.writeInt32BE(value | 0, position);
  }
  /** Zigzag, base 128, as in records. */
  varint(value: number): void {
    const buffer = this.#room(5);
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    for (; rest > 127; rest >>>= 7) buffer[this.length++] = (rest & 127) | 128;
    buffer[this.length++] = rest;
  }
  raw(bytes: Buffer): void {
    const buffer = this.#room(bytes.length);
    if (bytes.length > shortText) this.length += bytes.copy(buffer, this.length);
    else for (let at = 0; at < bytes.length; at += 1) buffer[this.length++] = bytes[at] as number;
  }
  /** Length and bytes; -1 for null. */
  value(value: string | Buffer | null | undefined): void {
    if (value === null || value === undefined) this.varint(-1);
    else if (typeof value === 'string') this.#text(value);
    else {
      this.varint(value.length);
      this.raw(value);
    }
  }
  #text(text: string): void {
    if (text.length <= shortText && this.#ascii(text)) return;
    const size = Buffer.byteLength(text);
    this.varint(size);
    this.length += this.#room(size).write(text, this.length);
  }
  /** Writes a short text of ASCII characters; returns false and writes nothing for any other. */
  #ascii(text: string): boolean {
    const start = this.length;
    this.varint(text.length);
    const buffer = this.#room(text.length);
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code > 127) {
        this.length = start;
        return false;
      }
      buffer[this.length++] = code;
    }
    return true;
  }
}

/** Each record is written here first, because its length precedes it. */
const scratch = new Bytes(4096);

function nameBytes(name: string): Buffer {
  const known = knownNames.get(name);
  if (known) return known;
  const made = new Bytes(64);
  made.value(name);
  if (knownNames.size < maxKnownNames) knownNames.set(name, made.written);
  return made.written;
}

function writeHeaders(headers: ProducedRecord['headers'] = {}): void {
  let count = 0;
  for (const name in headers) {
    const value = headers[name];
    count += Array.isArray(value) ? value.length : value === undefined ? 0 : 1;
  }
  scratch.varint(count);
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) {
      scratch.raw(nameBytes(name));
      scratch.value(each);
    }
  }
}

function writeRecord(out: Bytes, { key, value, headers }: ProducedRecord, offsetDelta: number): void {
  scratch.length = 0;
  scratch.int8(0);
  scratch.varint(0);
  scratch.varint(offsetDelta);
  scratch.value(key);
  scratch.value(value);
  writeHeaders(headers);
  out.varint(scratch.length);
  out.raw(scratch.written);
}

async function writeRecords(out: Bytes, messages: readonly ProducedRecord[], compression: number): Promise<void> {
  out.int32(messages.length);
  if (compression === kafkajs.CompressionTypes.None) {
    messages.forEach((message, at) => writeRecord(out, message, at));
    return;
  }
  const plain = new Bytes(64 * 1024);
  messages.forEach((message, at) => writeRecord(plain, message, at));
  const codecs = kafkajs.CompressionCodecs as Record<number, () => { compress(encoder: { buffer: Buffer }): Promise<Buffer> }>;
  out.raw((await codecs[compression]?.().compress({ buffer: plain.written })) ?? plain.written);
}

/** A record batch, preceded by its size. Size, length and checksum are filled in last. */
async function writeBatch(out: Bytes, data: PartitionData, parameters: ProduceParameters): Promise<void> {
  const { messages, firstSequence = 0 } = data;
  const { compression = 0, transactionalId, producerId = '-1', producerEpoch = 0 } = parameters;
  const now = BigInt(Date.now());
  const sizeAt = out.length;
  out.int32(0);
  out.int64(0n);
  const lengthAt = out.length;
  out.int32(0);
  out.int32(0);
  out.int8(magic);
  const checksumAt = out.length;
  out.int32(0);
  out.int16(compression | (transactionalId ? transactional : 0));
  out.int32(messages.length - 1);
  out.int64(now);
  out.int64(now);
  out.int64(BigInt(String(producerId)));
  out.int16(producerEpoch);
  out.int32(firstSequence);
  await writeRecords(out, messages, compression);
  out.int32At(checksumAt, crc32c(out.written.subarray(checksumAt + 4)));
  out.int32At(lengthAt, out.length - lengthAt - 4);
  out.int32At(sizeAt, out.length - sizeAt - 4);
}

const writeString = (out: Bytes, text: string | null | undefined): void => {
  if (text === null || text === undefined) return out.int16(-1);
  const bytes = Buffer.from(text);
  out.int16(bytes.length);
  out.raw(bytes);
};

/**
 * The Produce request after its header (the same in versions 3 to 7), written in one pass. kafkajs allocates 512 bytes
 * for each header and record and copies one buffer into the next: 33 us of CPU for an event with its 13 headers, so
 * 30,000 events/s on one core; this needs 3 us. A property test checks that the bytes equal those of kafkajs.
 */
export async function encodeProduce(parameters: ProduceParameters): Promise<Buffer> {
  const { acks, timeout, transactionalId, topicData } = parameters;
  const out = new Bytes(256 * 1024);
  writeString(out, transactionalId);
  out.int16(acks);
  out.int32(timeout);
  out.int32(topicData.length);
  for (const { topic, partitions } of topicData) {
    writeString(out, topic);
    out.int32(partitions.length);
    for (const data of partitions) {
      out.int32(data.partition);
      await writeBatch(out, data, parameters);
    }
  }
  return out.written;
}
