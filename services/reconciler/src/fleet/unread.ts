import { partitionKey, type KafkaClient, type TopicPartition } from '@tradecore/messaging';

/** An hour of them at the usual rhythm. */
const momentsLimit = 720;
/** Offsets may be markers of transactions, which no reader sees: the record is among so many. */
const withinOffsets = 50n;

/**
 * Since when a group has not read on: from the moments at which the ends of partitions were seen to move, so that no
 * record is read for it. Only what was written before the first of them is read, once for each offset.
 */
export class Unread {
  readonly #moments = new Map<string, { readonly end: bigint; readonly at: number }[]>();
  readonly #read = new Map<string, { readonly next: bigint; readonly at: number }>();

  constructor(private readonly kafka: Pick<KafkaClient, 'readStretch'>) {}

  /** Notes that a partition ends here now. */
  note(where: TopicPartition, end: bigint): void {
    const key = partitionKey(where);
    const moments = this.#moments.get(key) ?? [];
    this.#moments.set(key, moments);
    if (moments.at(-1)?.end !== end) moments.push({ end, at: Date.now() });
    if (moments.length > momentsLimit) moments.shift();
  }

  /** Seconds since the record at `next` was written; 0 where the partition ends before it. */
  async age(where: TopicPartition, next: bigint): Promise<number> {
    const moments = this.#moments.get(partitionKey(where)) ?? [];
    const index = moments.findIndex(({ end }) => end > next);
    if (index === -1) return 0;
    const at = index > 0 ? moments[index]?.at : await this.#written(where, next, moments.at(-1)?.end ?? next);
    return Math.max(0, (Date.now() - (at ?? Date.now())) / 1000);
  }

  async #written(where: TopicPartition, next: bigint, end: bigint): Promise<number> {
    const known = this.#read.get(partitionKey(where));
    if (known?.next === next) return known.at;
    let first: number | undefined;
    const to = end < next + withinOffsets ? end : next + withinOffsets;
    await this.kafka.readStretch(where, { from: next, to }, ([record]) => (first ??= Number(record?.timestamp ?? NaN)));
    const at = first === undefined || Number.isNaN(first) ? Date.now() : first;
    this.#read.set(partitionKey(where), { next, at });
    return at;
  }
}
