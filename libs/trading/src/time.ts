/** Arithmetic of RFC 3339 texts. Decisions have no clock: `now` is given in, and only compared and added to. */

const shape = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|z|[+-]\d\d:\d\d)$/;
const dayMs = 86_400_000;

/** Milliseconds since 1970 of an RFC 3339 time, finer fractions cut. Throws `RangeError` for anything else. */
export function millisecondsOf(time: string): number {
  const [, year, month, day, hours, minutes, seconds, fraction = '', zone = 'Z'] = shape.exec(time) ?? [];
  if (year === undefined) throw new RangeError(`${time} is no RFC 3339 time`);
  const date = daysOf(Number(year), Number(month), Number(day)) * dayMs;
  const clock = ((Number(hours) * 60 + Number(minutes) - offsetMinutes(zone)) * 60 + Number(seconds)) * 1000;
  return date + clock + Number(fraction.slice(0, 3).padEnd(3, '0'));
}

/** That many milliseconds later, as RFC 3339 in UTC with milliseconds. */
export function later(time: string, milliseconds: number): string {
  const total = millisecondsOf(time) + milliseconds;
  const days = Math.floor(total / dayMs);
  const [year, month, day] = dateOf(days);
  const rest = total - days * dayMs;
  const [hours, minutes, seconds] = [Math.floor(rest / 3_600_000), Math.floor(rest / 60_000) % 60, Math.floor(rest / 1000) % 60];
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}T${pad(hours)}:${pad(minutes)}:${pad(seconds)}.${pad(rest % 1000, 3)}Z`;
}

/** Milliseconds from one time to another; negative when `to` is earlier. */
export const millisecondsBetween = (from: string, to: string): number => millisecondsOf(to) - millisecondsOf(from);

/** The earlier of two times. */
export const earlier = (a: string, b: string): string => (millisecondsOf(a) <= millisecondsOf(b) ? a : b);

const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0');

const offsetMinutes = (zone: string): number => {
  if (zone.toUpperCase() === 'Z') return 0;
  const size = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return zone.startsWith('-') ? -size : size;
};

/** Days since 1970 in the Gregorian calendar: years begin in March, so that the leap day is the last of its year. */
function daysOf(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return (
    365 * marchYear + Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400) + dayOfYear - 719_468
  );
}

function dateOf(days: number): [number, number, number] {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  return [era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day];
}
