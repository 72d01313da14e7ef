import { createRequire } from 'node:module';
import fc from 'fast-check';
import { murmur2, partitionByKey } from './partitioner.ts';

const load = createRequire(import.meta.url);
const originalMurmur2 = load('kafkajs/src/producer/partitioners/default/murmur2') as (key: Buffer | string) => number;

const bytes = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each)),
);
describe('the partition of a key', () => {
  it('is the one that kafkajs computes, and so do Java clients', () => {
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
