/** Arithmetic on RFC 3339 texts. Decisions have no clock: `now` is passed in, and only compared and added to. */

const shape = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|z|[+-]\d\d:\d\d)$/;

/** Milliseconds since 1970 of an RFC 3339 time, with finer fractions cut off. Throws `RangeError` for anything else. */
export function millisecondsOf(time: string): number {
  const milliseconds = shape.test(time) ? Date.parse(time) : NaN;
  if (Number.isNaN(milliseconds)) throw new RangeError(`${time} is not an RFC 3339 time`);
  return Math.floor(milliseconds);
}

/** The time `milliseconds` later, as RFC 3339 in UTC with milliseconds. */
export const later = (time: string, milliseconds: number): string => new Date(millisecondsOf(time) + milliseconds).toISOString();

/** Milliseconds from one time to another; negative when `to` is earlier. */
export const millisecondsBetween = (from: string, to: string): number => millisecondsOf(to) - millisecondsOf(from);

/** The earlier of two times. */
export const earlier = (a: string, b: string): string => (millisecondsOf(a) <= millisecondsOf(b) ? a : b);
