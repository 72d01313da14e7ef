/** An item and the callers that wait for its result. */
interface Waiting<T, R> {
  readonly item: T;
  readonly done: (result: R) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Runs items that arrive together as one batch, one run at a time. Batches of several partitions from one fetch share a
 * transaction and its commit, because most batches hold one event and the transaction is most of the work. When a run
 * of several items fails, each item runs alone, so that a fault affects only its own item.
 */
export class BatchCoalescer<T, R = void> {
  #waiting: Waiting<T, R>[] = [];
  #isRunning = false;

  /**
   * `run` processes all items or none and resolves with a result for each. A run takes items up to a total `weight` of
   * `limit`; a heavier item runs alone.
   */
  constructor(
    private readonly run: (items: readonly [T, ...T[]]) => Promise<readonly R[]>,
    private readonly limit: number,
    private readonly weight: (item: T) => number,
  ) {}

  /** Resolves when the item is done; rejects with the reason when it is not. */
  add(item: T): Promise<R> {
    return new Promise((done, failed) => {
      this.#waiting.push({ item, done, failed });
      if (!this.#isRunning) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    // The batches of one fetch are added within one turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const some = this.#waiting.splice(0, this.#share());
      if (some.length === 1 || !(await this.#attempt(some))) for (const each of some) await this.#alone(each);
    }
    this.#isRunning = false;
  }

  /** How many waiting items make up the next run. */
  #share(): number {
    let total = 0;
    const tooMany = this.#waiting.findIndex(({ item }) => (total += this.weight(item)) > this.limit);
    return tooMany === -1 ? this.#waiting.length : Math.max(1, tooMany);
  }

  /** False when nothing was done. */
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
