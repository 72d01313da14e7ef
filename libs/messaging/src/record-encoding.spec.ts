import { createRequire } from 'node:module';
import fc from 'fast-check';
import { encodeRecord, murmur2, partitionByKey, type EncodedRecord, type RecordFields } from './record-encoding.ts';

const load = createRequire(import.meta.url);
const original = load('kafkajs/src/protocol/recordBatch/record/v0') as (fields: RecordFields) => EncodedRecord;
const originalMurmur2 = load('kafkajs/src/producer/partitioners/default/murmur2') as (key: Buffer | string) => number;

const bytes = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each)),
);
const record = fc.record({
  offsetDelta: fc.nat({ max: 100_000 }),
  timestampDelta: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  key: fc.option(bytes),
  value: fc.option(fc.oneof(bytes, fc.string({ minLength: 8_000, maxLength: 20_000 }))),
  headers: fc.dictionary(fc.string(), fc.oneof(bytes, fc.array(bytes, { maxLength: 3 })), { maxKeys: 15 }),
});

describe('the encoding of a record', () => {
  it("gives kafkajs's bytes for any record", () => {
    fc.assert(fc.property(record, (fields) => expect(encodeRecord(fields).buffer).toEqual(original(fields).buffer)));
  });

  it('refuses what it would encode wrongly', () => {
    expect(() => encodeRecord({ timestampDelta: 2 ** 31, value: 'x' })).toThrow(RangeError);
  });
});

describe('the partition of a key', () => {
  it("is kafkajs's, and so that of Java clients", () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 50 }), (key, partitions) => {
        const hash = originalMurmur2(key);
        expect(murmur2(Buffer.from(key as string))).toBe(hash);
        const partitionMetadata = Array<number>(partitions).fill(0);
        expect(partitionByKey()({ partitionMetadata, message: { key } })).toBe((hash & 0x7fffffff) % partitions);
      }),
    );
  });
});
