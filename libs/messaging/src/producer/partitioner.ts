/** murmur2 of a key as Java clients compute it, in 32-bit integers; kafkajs uses BigInt and is twenty times slower. */
export function murmur2(key: Buffer): number {
  const m = 0x5bd1e995;
  const { length } = key;
  let hash = 0x9747b28c ^ length;
  const whole = length & ~3;
  for (let at = 0; at < whole; at += 4) {
    let k = Math.imul(key.readInt32LE(at), m);
    k = Math.imul(k ^ (k >>> 24), m);
    hash = Math.imul(hash, m) ^ k;
  }
  for (let rest = length - 1; rest >= whole; rest -= 1) hash ^= (key[rest] as number) << ((rest - whole) * 8);
  if (length > whole) hash = Math.imul(hash, m);
  hash = Math.imul(hash ^ (hash >>> 13), m);
  return hash ^ (hash >>> 15);
}

/** Gives the same partition as kafkajs's default partitioner for records with a key, with the faster `murmur2`. */
export const partitionByKey =
  () =>
  ({
    partitionMetadata,
    message,
  }: {
    partitionMetadata: readonly unknown[];
    message: { readonly key?: Buffer | string | null };
  }): number =>
    (murmur2(Buffer.from(message.key ?? '')) & 0x7fffffff) % partitionMetadata.length;
