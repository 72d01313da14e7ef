import { createRequire } from 'node:module';
import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { maxUnfoldedBytes } from '../src/wire/codecs.ts';
import { decodeFetch, isFetch, type FetchAnswer } from '../src/wire/fetch-response.ts';
import { encodeProduce, type ProducedRecord } from '../src/wire/produce-request.ts';

const load = createRequire(import.meta.url);
/** kafkajs's own decoder, version 11. */
const theirs = load('kafkajs/src/protocol/requests/fetch/v11/response') as { decode(bytes: Buffer): Promise<FetchAnswer> };

const bytes = fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each));
/** kafkajs loses or invents headers with names that objects inherit; a separate test covers those. */
const name = fc.oneof(
  fc.constantFrom('ce_id', 'ce_type', 'traceparent'),
  fc.string({ minLength: 1, maxLength: 90 }).map((each) => `h${each}`),
);
const record = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.dictionary(name, fc.oneof(bytes, fc.array(bytes, { minLength: 1, maxLength: 3 })), { maxKeys: 14 }),
});
const batch = fc.record({
  messages: fc.array(record, { minLength: 1, maxLength: 8 }),
  compression: fc.constantFrom(kafkajs.CompressionTypes.None, kafkajs.CompressionTypes.GZIP),
  firstOffset: fc.bigInt({ min: 0n, max: 2n ** 60n }),
  /** Control, transactional, log append time: any combination. */
  flags: fc.constantFrom(0, 0x08, 0x10, 0x20, 0x30, 0x38),
});
interface BatchOf {
  readonly messages: readonly ProducedRecord[];
  readonly compression: number;
  readonly firstOffset: bigint;
  readonly flags: number;
}

/** A record batch as a broker stores it. */
async function recordBatch({ messages, compression, firstOffset, flags }: BatchOf): Promise<Buffer> {
  const topicData = [{ topic: 't', partitions: [{ partition: 0, firstSequence: 3, messages }] }];
  const request = await encodeProduce({ acks: -1, timeout: 1, producerId: '77', producerEpoch: 2, compression, topicData });
  const stored = Buffer.from(request.subarray(2 + 2 + 4 + 4 + 3 + 4 + 4 + 4));
  stored.writeBigInt64BE(firstOffset, 0);
  stored.writeUInt8((stored[22] ?? 0) | flags, 22);
  return stored;
}

/** A response with one topic and these partitions. */
function answer(partitions: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(4 + 2 + 4 + 4 + 2 + 1 + 4);
  head.writeInt32BE(9, 0);
  head.writeInt32BE(1, 10);
  head.writeInt16BE(1, 14);
  head.write('t', 16);
  head.writeInt32BE(partitions.length, 17);
  const bodies = partitions.flatMap((records, partition) => {
    const own = Buffer.alloc(4 + 2 + 8 + 8 + 8 + 4 + 16 + 4 + 4);
    own.writeInt32BE(partition, 0);
    own.writeBigInt64BE(100n, 6);
    own.writeBigInt64BE(90n, 14);
    own.writeInt32BE(1, 30);
    own.writeBigInt64BE(77n, 34);
    own.writeBigInt64BE(5n, 42);
    own.writeInt32BE(-1, 50);
    own.writeInt32BE(records.length, 54);
    return [own, records];
  });
  return Buffer.concat([head, ...bodies]);
}

describe('the fetch response', () => {
  it('is read as kafkajs reads it, whatever it contains, even when the last batch is cut off', async () => {
    const cut = fc.nat({ max: 400 });
    const partitions = fc.array(fc.tuple(fc.array(batch, { maxLength: 3 }), cut), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(partitions, async (given) => {
        const stored = await Promise.all(
          given.map(async ([batches, less]) => {
            const whole = Buffer.concat(await Promise.all(batches.map(recordBatch)));
            // kafkajs fails when there are too few bytes for the format's number; a broker never sends so few.
            return whole.subarray(0, whole.length - less < 17 ? 0 : whole.length - less);
          }),
        );
        const raw = answer(stored);
        expect(await decodeFetch(raw)).toEqual(await theirs.decode(raw));
      }),
      { numRuns: 100, interruptAfterTimeLimit: 3_500 },
    );
  });

  it('keeps headers with names that objects inherit', async () => {
    const headers = JSON.parse('{"toString":"a","__proto__":"b","constructor":"c"}') as Record<string, string>;
    const stored = await recordBatch({ messages: [{ value: 'x', headers }], compression: 0, firstOffset: 1n, flags: 0 });
    const decoded = (await decodeFetch(answer([stored]))) as unknown as {
      responses: { partitions: { messages: { headers: Record<string, Buffer> }[] }[] }[];
    };
    const read = decoded.responses[0]?.partitions[0]?.messages[0]?.headers ?? {};
    expect(Object.entries(read).map(([each, value]) => [each, String(value)])).toEqual(Object.entries(headers));
  });

  interface Read {
    readonly offset: string;
    readonly value: Buffer | null;
    readonly isControlRecord: boolean;
    readonly undecodable?: string;
  }
  const recordsIn = async (...batches: Buffer[]): Promise<Read[]> => {
    const decoded = await decodeFetch(answer([Buffer.concat(batches)]));
    return (decoded as unknown as { responses: { partitions: { messages: Read[] }[] }[] }).responses[0]!.partitions[0]!.messages;
  };
  const batchAt = (offset: number, compression = 0, values = ['x', 'y']) =>
    recordBatch({ messages: values.map((value) => ({ value })), compression, firstOffset: BigInt(offset), flags: 0 });
  /** Where a batch states its number of records, and where they begin. */
  const [countAt, recordsAt] = [57, 61];
  const withCodec = (batch: Buffer, codec: number): Buffer => (batch.writeUInt8(codec, 22), batch);

  it('has one record for a batch that can not be decoded, at its last offset and with its bytes; other batches are unaffected', async () => {
    const damaged: [Buffer, RegExp][] = [
      [withCodec(await batchAt(12), 7), /codec 7/],
      [withCodec(await batchAt(12), 3), /LZ4/],
      [withCodec(await batchAt(12), 2), /./],
      [(await batchAt(12, kafkajs.CompressionTypes.GZIP)).fill(0xff, 80), /./],
      [Buffer.from((await batchAt(12)).fill(0x7f, countAt, countAt + 1)), /more than/],
      [Buffer.from((await batchAt(12)).fill(3, countAt + 3, recordsAt)), /beyond its batch/],
      [Buffer.from((await batchAt(12)).fill(0xff, recordsAt)), /beyond its batch|longer than/],
      [await batchAt(12, kafkajs.CompressionTypes.GZIP, ['\0'.repeat(maxUnfoldedBytes), 'y']), /larger/],
    ];
    for (const [batch, why] of damaged) {
      const [one, other, standIn, last, ...more] = await recordsIn(await batchAt(10), batch, await batchAt(14));
      expect([one?.offset, other?.offset, standIn?.offset, last?.offset, more.length]).toEqual(['10', '11', '13', '14', 1]);
      expect(standIn).toMatchObject({ isControlRecord: false, undecodable: expect.stringMatching(why) as string });
      expect(standIn?.undecodable).toMatch(/^offsets 12 to 13: /);
      expect(standIn?.value?.equals(batch)).toBe(true);
    }
  });

  it('has limited room: the next fetch returns what does not fit', async () => {
    const large = await batchAt(0, kafkajs.CompressionTypes.GZIP, ['\0'.repeat(maxUnfoldedBytes * 0.6)]);
    expect((await recordsIn(large, large, large, large)).length).toBe(2);
  });

  it('keeps the last offset of an empty batch and of one whose last records were compacted', async () => {
    const compacted = await batchAt(5, 0, ['x']);
    compacted.writeInt32BE(3, 23);
    const empty = (await batchAt(9)).subarray(0, recordsAt);
    empty.writeInt32BE(recordsAt - 12, 8);
    empty.writeInt32BE(0, countAt);
    const read = await recordsIn(compacted, empty);
    expect(read.map(({ offset, isControlRecord }) => [offset, isControlRecord])).toEqual([
      ['5', false],
      ['8', true],
      ['10', true],
    ]);
  });

  it('in an old record format is left to kafkajs', async () => {
    const stored = await recordBatch({ messages: [{ value: 'x' }], compression: 0, firstOffset: 1n, flags: 0 });
    stored.writeInt8(1, 16);
    expect(await decodeFetch(answer([stored]))).toBeUndefined();
    expect(isFetch({ apiKey: 1, apiVersion: 10 })).toBe(false);
  });
});
