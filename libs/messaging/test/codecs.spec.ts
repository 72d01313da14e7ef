import { promisify } from 'node:util';
import { gzip, zstdCompress } from 'node:zlib';
import kafkajs from 'kafkajs';
import { compressFrame } from 'lz4-napi';
import snappy from 'snappyjs';
import { maxUnfoldedBytes, unfold } from '../src/wire/codecs.ts';

const { CompressionTypes } = kafkajs;
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
/** As Java clients and brokers frame it: blocks of at most 32 KiB. */
const xerial = async (bytes: Buffer): Promise<Buffer> => {
  const blocks = Array.from({ length: Math.ceil(bytes.length / 32_768) }, (_, n) => bytes.subarray(n * 32_768, (n + 1) * 32_768));
  const folded = blocks.map((block) => snappy.compress(block)).flatMap((block) => [int32(block.length), block]);
  return Buffer.concat([Buffer.from([0x82]), Buffer.from('SNAPPY\0'), int32(1), int32(1), ...folded]);
};
const codecs: [string, number, (bytes: Buffer) => Promise<Buffer>][] = [
  ['gzip', CompressionTypes.GZIP, (bytes) => promisify(gzip)(bytes, { level: 1 })],
  ['raw Snappy', CompressionTypes.Snappy, async (bytes) => snappy.compress(bytes)],
  ['framed Snappy', CompressionTypes.Snappy, xerial],
  ['LZ4', CompressionTypes.LZ4, (bytes) => compressFrame(bytes)],
  ['zstd', CompressionTypes.ZSTD, promisify(zstdCompress)],
];

describe('a batch compressed by', () => {
  const plain = Buffer.from('a record of an event '.repeat(10_000));
  const bomb = Buffer.alloc(maxUnfoldedBytes + 1024);

  it.each(codecs)('%s is decompressed', async (_, codec, fold) => {
    expect((await unfold(await fold(plain), codec)).equals(plain)).toBe(true);
  });

  it.each(codecs)('%s is refused when it decompresses beyond the bound', async (_, codec, fold) => {
    await expect(unfold(await fold(bomb), codec)).rejects.toThrow(/larger|too big|more than/);
  });

  it.each(codecs)('%s is refused when it is damaged', async (_, codec, fold) => {
    await expect(unfold((await fold(plain)).fill(0xff, 30), codec)).rejects.toThrow();
    await expect(unfold(Buffer.from('something else'), codec)).rejects.toThrow();
  });

  it('an unknown codec is refused', async () => {
    await expect(unfold(plain, 6)).rejects.toThrow('codec 6 is unknown');
  });
});
