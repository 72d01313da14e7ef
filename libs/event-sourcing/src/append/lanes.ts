import { Busy } from '../store/store-errors.ts';

/** Limits how much work runs at once; the rest waits in turn. */
export class Lanes {
  readonly #waiting = new Set<() => void>();
  #running = 0;
  #closing: Promise<void> | undefined;
  #closed: (() => void) | undefined;

  constructor(private readonly lanes: number) {}

  /** Throws `Busy` when its turn does not come in time. */
  async run<T>(work: () => Promise<T>, waitMs: number): Promise<T> {
    if (this.#closing) throw new Busy('the event store is closing');
    if (this.#running < this.lanes) this.#running += 1;
    else await this.#turn(waitMs);
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  /** Refuses new work; resolves, for every caller, when the last running work is done. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#closed = resolve;
      if (this.#running === 0) resolve();
    });
    return this.#closing;
  }

  #turn(waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(enter);
        reject(new Busy('too many decisions are waiting for locks', { waitedMs: waitMs }));
      }, waitMs);
      this.#waiting.add(enter);
    });
  }

  /** Passes the lane to the next in line. */
  #next(): void {
    const [next] = this.#waiting;
    if (next) {
      this.#waiting.delete(next);
      next();
    } else {
      this.#running -= 1;
      if (this.#running === 0) this.#closed?.();
    }
  }
}
