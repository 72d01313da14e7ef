/** A row that changed: its new state, or nothing when it is gone. */
export interface Change {
  readonly table: string;
  readonly key: string;
  readonly row?: unknown;
}

/** Rows by key, and which of them changed since somebody last asked; without `tracked` nobody asks, and nothing is kept. */
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

  /** Puts a row back as it was stored. */
  restore(key: string, row: Row): void {
    this.#rows.set(key, row);
  }

  /** Every row, in the order of the keys. */
  rows(): Change[] {
    return [...this.#rows.keys()].sort().map((key) => ({ table: this.name, key, row: this.#rows.get(key) }));
  }

  /** What changed since the last call. */
  takeChanges(): Change[] {
    const changes = [...this.#changed].map((key): Change => {
      const row = this.#rows.get(key);
      return { table: this.name, key, ...(row !== undefined && { row }) };
    });
    this.#changed.clear();
    return changes;
  }
}
