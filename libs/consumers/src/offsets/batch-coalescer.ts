/** An item with those who wait for what becomes of it. */
interface Waiting<T, R> {
  readonly item: T;
  readonly done: (result: R) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Runs together what arrives together, one run at a time: batches of several partitions, which one fetch brings, share a transaction and its
 * commit, for most batches hold one event and the transaction around it is most of the work. When a run of several fails, each runs alone,
 * so that one's fault stays its own.
 */
export class BatchCoalescer<T, R = void> {
  #waiting: Waiting<T, R>[] = [];
  #isRunning = false;

  /**
   * `run` does the items whole or not at all and resolves with a result for each. A run takes items of at most `limit` together, by their
   * `weight`; a heavier one comes alone.
   */
  constructor(
    private readonly run: (items: readonly [T, ...T[]]) => Promise<readonly R[]>,
    private readonly limit: number,
    private readonly weight: (item: T) => number,
  ) {}

  /** Resolves when the item was done; rejects with why it was not. */
  add(item: T): Promise<R> {
    return new Promise((done, failed) => {
      this.#waiting.push({ item, done, failed });
      if (!this.#isRunning) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    // What one fetch brought is added within one turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const some = this.#waiting.splice(0, this.#share());
      if (some.length === 1 || !(await this.#attempt(some))) for (const each of some) await this.#alone(each);
    }
    this.#isRunning = false;
  }

  /** How many of those that wait make a run. */
  #share(): number {
    let total = 0;
    const tooMany = this.#waiting.findIndex(({ item }) => (total += this.weight(item)) > this.limit);
    return tooMany === -1 ? this.#waiting.length : Math.max(1, tooMany);
  }

  /** False when none of it was done. */
  async #attempt(some: readonly Waiting<T, R>[]): Promise<boolean> {
    try {
      const results = await this.run(some.map(({ item }) => item) as [T, ...T[]]);
      some.forEach(({ done }, index) => done(results[index] as R));
    } catch {
      return false;
    }
    return true;
  }

  async #alone({ item, done, failed }: Waiting<T, R>): Promise<void> {
    await this.run([item]).then(([result]) => done(result as R), failed);
  }
}
