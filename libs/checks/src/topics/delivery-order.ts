/** How many aggregates are remembered. */
const remembered = 50_000;

/** Checks that each aggregate's versions rise within a partition. Remembers the most recently read aggregates. */
export class DeliveryOrder {
  readonly #last = new Map<string, number>();

  constructor(private readonly limit = remembered) {}

  /** True when this version, or a later one, was read before. */
  isLate(partition: string, aggregateId: string, version: number): boolean {
    const key = `${partition} ${aggregateId}`;
    const before = this.#last.get(key) ?? 0;
    this.#last.delete(key);
    this.#last.set(key, Math.max(before, version));
    if (this.#last.size > this.limit) this.#last.delete(this.#last.keys().next().value as string);
    return version <= before;
  }
}
