/** Something that is to happen at a time. */
interface Due {
  readonly at: number;
  /** Tells apart what is due at the same time: first asked, first done. */
  readonly turn: number;
  readonly run: () => void;
}

/** Time that passes only when nothing is left to do before: a queue of what is due. Milliseconds since 1970. */
export class Clock {
  #now: number;
  #turn = 0;
  readonly #heap: Due[] = [];

  constructor(start: number) {
    this.#now = start;
  }

  get now(): number {
    return this.#now;
  }

  /** The same as RFC 3339. */
  get time(): string {
    if (this.#written.at !== this.#now) this.#written = { at: this.#now, text: timeOf(this.#now) };
    return this.#written.text;
  }

  #written = { at: 0, text: timeOf(0) };

  /** How much is still due. */
  get pending(): number {
    return this.#heap.length;
  }

  /** Runs `run` in so many milliseconds. */
  in(milliseconds: number, run: () => void): void {
    this.at(this.#now + milliseconds, run);
  }

  /** Runs `run` at that time, or now when it has passed. */
  at(time: number, run: () => void): void {
    this.#turn += 1;
    const heap = this.#heap;
    heap.push({ at: Math.max(time, this.#now), turn: this.#turn, run });
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#isBefore(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  /** Does the next thing that is due until `until` is reached or nothing is left. Returns how much was done. */
  run(until = Infinity): number {
    let done = 0;
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#take();
      this.#now = next.at;
      next.run();
      done += 1;
    }
    if (until !== Infinity) this.#now = Math.max(this.#now, until);
    return done;
  }

  #take(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let parent = 0;
    for (;;) {
      const [left, right] = [2 * parent + 1, 2 * parent + 2];
      let first = parent;
      if (left < heap.length && this.#isBefore(left, first)) first = left;
      if (right < heap.length && this.#isBefore(right, first)) first = right;
      if (first === parent) return;
      this.#swap(first, parent);
      parent = first;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (!a || !b) return false;
    return a.at < b.at || (a.at === b.at && a.turn < b.turn);
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (!a || !b) return;
    this.#heap[one] = b;
    this.#heap[other] = a;
  }
}

/** Milliseconds since 1970 as RFC 3339. */
export const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString();
