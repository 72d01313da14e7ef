import { promisify } from 'node:util';
import { constants, gzip, unzip, zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';

/** A record batch may not decompress to more than this: a bound against a batch made to exhaust memory. */
export const maxUnfoldedBytes = 64 * 1024 * 1024;

const bound = { maxOutputLength: maxUnfoldedBytes };
/** No frame within the bound needs a larger window; zstd allocates the window before it reads further. */
const zstdBound = { ...bound, params: { [constants.ZSTD_d_windowLogMax]: Math.log2(maxUnfoldedBytes) } };

/**
 * Java clients and brokers frame Snappy: this magic, two versions (int32), then length-prefixed blocks. librdkafka does
 * not.
 */
const xerial = { magic: Buffer.from([0x82, ...Buffer.from('SNAPPY'), 0]), headerBytes: 16 };

async function unfoldSnappy(bytes: Buffer): Promise<Buffer> {
  const { default: snappy } = await import('snappyjs');
  if (!bytes.subarray(0, xerial.magic.length).equals(xerial.magic)) return snappy.uncompress(bytes, maxUnfoldedBytes);
  const blocks: Buffer[] = [];
  let left = maxUnfoldedBytes;
  for (let at = xerial.headerBytes; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    const block = snappy.uncompress(bytes.subarray(at + 4, end), left);
    left -= block.length;
    blocks.push(block);
    at = end;
  }
  return Buffer.concat(blocks);
}

const lz4 = { magic: 0x184d2204, blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionary: 0x01 };

/**
 * The most that one LZ4 frame can decompress to: blocks times their maximum size. The codec takes no limit, and an
 * honest frame fills all blocks but the last.
 */
function largestLz4(bytes: Buffer): number {
  if (bytes.readUInt32LE(0) !== lz4.magic) throw new Error('not an LZ4 frame');
  const flags = bytes.readUInt8(4);
  const blockBytes = 2 ** (8 + 2 * ((bytes.readUInt8(5) >> 4) & 7));
  let at = 7 + (flags & lz4.contentSize ? 8 : 0) + (flags & lz4.dictionary ? 4 : 0);
  let largest = 0;
  for (let size = bytes.readUInt32LE(at); size !== 0; size = bytes.readUInt32LE(at)) {
    at += 4 + (size & 0x7fffffff) + (flags & lz4.blockChecksum ? 4 : 0);
    largest += blockBytes;
  }
  if (at + 4 + (flags & lz4.contentChecksum ? 4 : 0) !== bytes.length) throw new Error('more than one LZ4 frame');
  return largest;
}

async function unfoldLz4(bytes: Buffer): Promise<Buffer> {
  if (largestLz4(bytes) > maxUnfoldedBytes) throw new RangeError(`may decompress to more than ${maxUnfoldedBytes} bytes`);
  const { decompressFrame } = await import('lz4-napi');
  return decompressFrame(bytes);
}

const { CompressionTypes } = kafkajs;
type Codec = (bytes: Buffer) => Promise<Buffer>;
const folders: Readonly<Record<number, Codec>> = {
  [CompressionTypes.GZIP]: promisify(gzip),
  [CompressionTypes.ZSTD]: promisify(zstdCompress),
};
const unfolders: Readonly<Record<number, Codec>> = {
  [CompressionTypes.GZIP]: (bytes) => promisify(unzip)(bytes, bound),
  [CompressionTypes.Snappy]: unfoldSnappy,
  [CompressionTypes.LZ4]: unfoldLz4,
  [CompressionTypes.ZSTD]: (bytes) => promisify(zstdDecompress)(bytes, zstdBound),
};

/**
 * The records of a batch, decompressed. Rejects when the codec is unknown, the bytes are invalid, or they decompress to
 * too much.
 */
export async function unfold(bytes: Buffer, codec: number): Promise<Buffer> {
  if (codec === CompressionTypes.None) return bytes;
  const known = unfolders[codec];
  if (!known) throw new Error(`codec ${codec} is unknown`);
  return known(bytes);
}

/** Gives kafkajs all codecs for reading, also in record formats before version 2, and gzip and zstd for writing. */
export function addCodecs(): void {
  for (const codec of Object.keys(unfolders).map(Number)) {
    const compress = ({ buffer }: { buffer: Buffer }) => {
      const known = folders[codec];
      if (!known) throw new Error(`codec ${codec} is read-only here`);
      return known(buffer);
    };
    Object.assign(kafkajs.CompressionCodecs, {
      [codec]: () => ({ compress, decompress: (bytes: Buffer) => unfold(bytes, codec) }),
    });
  }
}
