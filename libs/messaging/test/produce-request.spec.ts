import { createRequire } from 'node:module';
import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { crc32c } from '../src/wire/crc32c.ts';
import { encodeProduce, type ProduceParameters } from '../src/wire/produce-request.ts';

const load = createRequire(import.meta.url);
/** kafkajs's own request, version 7. */
const theirs = load('kafkajs/src/protocol/requests/produce/v7/request') as (parameters: ProduceParameters) => {
  encode(): Promise<{ buffer: Buffer }>;
};

const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each));
const text = fc.string({ unit: 'binary', maxLength: 150 });
const value = fc.oneof(text, bytes);
const header = fc.oneof(value, fc.array(value, { minLength: 1, maxLength: 3 }));
const name = fc.oneof(
  fc.constantFrom('ce_id', 'ce_type', 'traceparent'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }),
);
const record = fc.record({
  key: fc.oneof(value, fc.constant(null)),
  value: fc.oneof(value, fc.string({ minLength: 5_000, maxLength: 9_000 }), fc.constant(null)),
  headers: fc.dictionary(name, header, { maxKeys: 15 }),
});
const parameters: fc.Arbitrary<ProduceParameters> = fc.record({
  acks: fc.constant(-1),
  timeout: fc.nat(),
  transactionalId: fc.option(fc.string({ minLength: 1 }), { nil: null }),
  producerId: fc.bigInt({ min: 0n, max: 2n ** 62n }).map(String),
  producerEpoch: fc.nat({ max: 30_000 }),
  compression: fc.constantFrom(kafkajs.CompressionTypes.None, kafkajs.CompressionTypes.GZIP),
  topicData: fc.array(
    fc.record({
      topic: fc.string({ minLength: 1, maxLength: 60 }),
      partitions: fc.array(
        fc.record({ partition: fc.nat(), firstSequence: fc.nat(), messages: fc.array(record, { minLength: 1, maxLength: 12 }) }),
        { maxLength: 3 },
      ),
    }),
    { maxLength: 2 },
  ),
});

describe('the produce request', () => {
  const now = Date.now;
  beforeAll(() => void (Date.now = () => 1_795_435_724_871));
  afterAll(() => void (Date.now = now));

  it('has the same bytes as that of kafkajs, whatever it contains', async () => {
    await fc.assert(
      fc.asyncProperty(parameters, async (each) => {
        const expected = (await theirs(each).encode()).buffer;
        expect((await encodeProduce(each)).equals(expected)).toBe(true);
      }),
      { numRuns: 60, interruptAfterTimeLimit: 3_000 },
    );
  });

  it('omits headers without a value', async () => {
    const request = (headers: object) =>
      encodeProduce({
        acks: -1,
        timeout: 1,
        topicData: [{ topic: 't', partitions: [{ partition: 0, messages: [{ value: 'x', headers: headers as never }] }] }],
      });
    expect(await request({ a: 'b', gone: undefined })).toEqual(await request({ a: 'b' }));
  });
});

describe('the checksum', () => {
  it('is CRC-32C', () => expect(crc32c(Buffer.from('123456789')) >>> 0).toBe(0xe3069283));

  it('equals that of kafkajs for bytes of any length', () => {
    const crc = load('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number;
    fc.assert(fc.property(bytes, (each) => expect(crc32c(each) >>> 0).toBe(crc(each))));
  });
});
