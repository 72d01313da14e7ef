/** What to pick from a history. */
export interface Picking<T> {
  readonly at: (each: T) => number;
  readonly fits: (each: T) => boolean;
  /** Only entries later than this. */
  readonly after?: number | undefined;
  readonly ascending?: boolean | undefined;
  readonly limit?: number | undefined;
  /** Only entries after the one with this id, in the requested order. */
  readonly past?: string | undefined;
}

/** Picks from a history, reading from the newest entry no further back than needed. */
export function pick<T extends { readonly id: string }>(newestFirst: Iterable<T>, picking: Picking<T>): T[] {
  const { ascending = false, limit = Infinity, fits } = picking;
  const found: T[] = [];
  for (const each of among(newestFirst, picking)) {
    if (fits(each)) found.push(each);
    if (!ascending && found.length >= limit) break;
  }
  return ascending ? found.reverse().slice(0, limit) : found;
}

/** The entries after that time and past that id, the newest first. */
function* among<T extends { readonly id: string }>(newestFirst: Iterable<T>, picking: Picking<T>): Generator<T> {
  const { at, after = -Infinity, ascending = false, past } = picking;
  let isPast = ascending || past === undefined;
  for (const each of newestFirst) {
    if (at(each) <= after || (ascending && each.id === past)) return;
    if (isPast) yield each;
    isPast ||= each.id === past;
  }
}
