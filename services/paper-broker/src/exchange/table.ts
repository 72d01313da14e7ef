/** A changed row: its new state, or no `row` if it was deleted. */
export interface Change {
  readonly table: string;
  readonly key: string;
  readonly row?: unknown;
}

/** Rows by key and, if `tracked`, the keys changed since the last `takeChanges`. */
export class Table<Row> {
  readonly #rows = new Map<string, Row>();
  readonly #changed = new Set<string>();

  constructor(
    readonly name: string,
    private readonly tracked: boolean,
  ) {}

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  values(): IterableIterator<Row> {
    return this.#rows.values();
  }

  put(key: string, row: Row): void {
    this.#rows.set(key, row);
    if (this.tracked) this.#changed.add(key);
  }

  delete(key: string): void {
    this.#rows.delete(key);
    if (this.tracked) this.#changed.add(key);
  }

  /** Restores a stored row. */
  restore(key: string, row: Row): void {
    this.#rows.set(key, row);
  }

  /** Every row, in key order. */
  rows(): Change[] {
    return [...this.#rows.keys()].sort().map((key) => ({ table: this.name, key, row: this.#rows.get(key) }));
  }

  /** The changes since the last call. */
  takeChanges(): Change[] {
    const changes = [...this.#changed].map((key): Change => {
      const row = this.#rows.get(key);
      return { table: this.name, key, ...(row !== undefined && { row }) };
    });
    this.#changed.clear();
    return changes;
  }
}
