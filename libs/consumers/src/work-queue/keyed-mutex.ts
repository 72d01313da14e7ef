/** Runs work on the same key in this process one after the other, in the order of the requests. */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<void>>();

  /** Keys in use, including those waited for. */
  get size(): number {
    return this.#last.size;
  }

  /** Resolves, when the key is free, to the function that frees it again. */
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

  /** Runs `work` while holding the key. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const leave = await this.enter(key);
    try {
      return await work();
    } finally {
      leave();
    }
  }
}
