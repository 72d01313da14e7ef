/** Who works on the same thing in this process takes turns: in the order of asking. */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<void>>();

  /** Things that somebody works on or waits for. */
  get size(): number {
    return this.#last.size;
  }

  /** Resolves when it is one's turn, to the function that ends it. */
  async enter(key: string): Promise<() => void> {
    const before = this.#last.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last.set(key, promise);
    await before;
    return () => {
      if (this.#last.get(key) === promise) this.#last.delete(key);
      resolve();
    };
  }

  /** Runs `work` in its turn. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const leave = await this.enter(key);
    try {
      return await work();
    } finally {
      leave();
    }
  }
}
