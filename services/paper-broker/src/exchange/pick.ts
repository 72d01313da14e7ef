/** What to pick from a history. */
export interface Picking<T> {
  readonly at: (each: T) => number;
  readonly fits: (each: T) => boolean;
  /** Only entries later than this. */
  readonly after?: number;
  readonly ascending?: boolean;
  readonly limit?: number;
  /** Only entries after the one with this id, in the requested order. */
  readonly past?: string;
}

/** Picks from a history, reading from the newest entry no further back than needed. */
export function pick<T extends { readonly id: string }>(newestFirst: Iterable<T>, picking: Picking<T>): T[] {
  const { ascending = false, limit = Infinity, past } = picking;
  const later = laterThan(newestFirst, picking);
  if (!ascending) return first(past === undefined ? later : behind(later, past), picking.fits, limit);
  return first(before(later, past), picking.fits, Infinity).reverse().slice(0, limit);
}

function* laterThan<T>(newestFirst: Iterable<T>, { at, after = -Infinity }: Picking<T>): Generator<T> {
  for (const each of newestFirst) {
    if (at(each) <= after) return;
    yield each;
  }
}

/** Entries after the one with that id. */
function* behind<T extends { readonly id: string }>(all: Iterable<T>, id: string): Generator<T> {
  let isBehind = false;
  for (const each of all) {
    if (isBehind) yield each;
    isBehind ||= each.id === id;
  }
}

/** Entries before the one with that id. */
function* before<T extends { readonly id: string }>(all: Iterable<T>, id: string | undefined): Generator<T> {
  for (const each of all) {
    if (each.id === id) return;
    yield each;
  }
}

function first<T>(all: Iterable<T>, fits: (each: T) => boolean, limit: number): T[] {
  const found: T[] = [];
  for (const each of all) {
    if (fits(each)) found.push(each);
    if (found.length >= limit) break;
  }
  return found;
}
