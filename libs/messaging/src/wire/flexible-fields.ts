/** Encodes and decodes the fields of Kafka's flexible request versions (KIP-482), and sends such requests. */
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
};
export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
export const compactString = (text: string): Buffer => Buffer.concat([varint(Buffer.byteLength(text) + 1), Buffer.from(text)]);
export const compactArray = (items: readonly Buffer[]): Buffer => Buffer.concat([varint(items.length + 1), ...items]);
export const noTags = Buffer.from([0]);

/** Reads the fields of a response in sequence. */
export class Fields {
  #at = 0;
  constructor(private readonly bytes: Buffer) {}
  int16 = (): number => this.bytes.readInt16BE((this.#at += 2) - 2);
  int32 = (): number => this.bytes.readInt32BE((this.#at += 4) - 4);
  boolean = (): boolean => this.bytes.readInt8((this.#at += 1) - 1) !== 0;
  int64 = (): bigint => this.bytes.readBigInt64BE((this.#at += 8) - 8);
  uuid = (): string => this.bytes.toString('hex', this.#at, (this.#at += 16));
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes.readUInt8(this.#at);
      this.#at += 1;
      value |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    return value;
  }
  string(): string | null {
    const length = this.varint() - 1;
    return length < 0 ? null : this.bytes.toString('utf8', this.#at, (this.#at += length));
  }
  array<T>(item: () => T): T[] {
    return Array.from({ length: Math.max(0, this.varint() - 1) }, item);
  }
  skipTags(): void {
    for (let left = this.varint(); left > 0; left -= 1) {
      this.varint();
      const size = this.varint();
      this.#at += size;
    }
  }
}

/** The parts of kafkajs's Broker that our own requests need. */
export interface ConnectedBroker {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null;
  readonly connectionPool: { send<A>(protocol: object): Promise<A> };
}

/** Sends a request of ours, read after the correlation id; undefined when the broker is too old for its version. */
export async function sendFlexible<A>(
  { versions, connectionPool }: ConnectedBroker,
  api: { readonly apiKey: number; readonly apiVersion: number; readonly apiName: string },
  body: Buffer,
  read: (fields: Fields) => A,
): Promise<A | undefined> {
  if ((versions?.[api.apiKey]?.maxVersion ?? 0) < api.apiVersion) return undefined;
  const Encoder = load('kafkajs/src/protocol/encoder') as new () => { writeBuffer(bytes: Buffer): object };
  return connectionPool.send<A>({
    request: { ...api, encode: async () => new Encoder().writeBuffer(body) },
    response: { decode: async (bytes: Buffer) => read(new Fields(bytes)), parse: async (answer: A) => answer },
  });
}
