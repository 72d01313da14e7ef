/**
 * Virtual time, which passes only when nothing earlier is due: a queue of tasks. Whole milliseconds since 1970. Tasks
 * due at the same time run in the order of scheduling; so one list per millisecond is enough, and the heap orders only
 * the times, of which there are ten times fewer.
 */
export class Clock {
  #now: number;
  readonly #due = new Map<number, (() => void)[]>();
  /** The times of `#due`, as a binary heap: the next is the first. */
  readonly #times: number[] = [];

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

  /** Runs `run` after that many milliseconds. */
  in(milliseconds: number, run: () => void): void {
    this.at(this.#now + milliseconds, run);
  }

  /** Runs `run` at that time, or now if it has passed. */
  at(time: number, run: () => void): void {
    const at = Math.max(time, this.#now);
    const others = this.#due.get(at);
    if (others) return void others.push(run);
    this.#due.set(at, [run]);
    this.#add(at);
  }

  /** Runs due tasks, one after the other, until `until` is reached or none is left. */
  run(until = Infinity): void {
    for (let next = this.#times[0]; next !== undefined && next <= until; next = this.#times[0]) {
      this.#now = next;
      // A task may schedule more at the same time: they go to the end of the list.
      for (const run of this.#due.get(next) ?? []) run();
      this.#due.delete(next);
      this.#takeFirst();
    }
    if (until !== Infinity) this.#now = Math.max(this.#now, until);
  }

  #add(time: number): void {
    const times = this.#times;
    let child = times.push(time) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      const above = times[parent] as number;
      if (above <= time) break;
      times[child] = above;
      child = parent;
    }
    times[child] = time;
  }

  #takeFirst(): void {
    const times = this.#times;
    const last = times.pop();
    if (last === undefined || times.length === 0) return;
    let parent = 0;
    for (;;) {
      const left = 2 * parent + 1;
      const first = left + 1 < times.length && (times[left + 1] as number) < (times[left] as number) ? left + 1 : left;
      if (first >= times.length || (times[first] as number) >= last) break;
      times[parent] = times[first] as number;
      parent = first;
    }
    times[parent] = last;
  }
}

/**
 * Milliseconds since 1970 as RFC 3339. All but the fraction is cached for recent seconds: formatting a date costs more
 * than everything else here.
 */
export function timeOf(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000);
  let prefix = seconds.get(second);
  if (prefix === undefined) {
    if (seconds.size > 10_000) seconds.clear();
    prefix = new Date(second * 1000).toISOString().slice(0, 20);
    seconds.set(second, prefix);
  }
  return prefix + String(1000 + milliseconds - second * 1000).slice(1) + 'Z';
}

const seconds = new Map<number, string>();
