const hour = 3_600_000;
const dayLength = 24 * hour;

/** One trading day: its date (`2025-06-30`) and when it opens and closes. */
export interface TradingDay {
  readonly date: string;
  readonly opensAt: number;
  readonly closesAt: number;
}

/** When the exchange trades. Times are milliseconds since 1970. */
export interface Session {
  isOpen(now: number): boolean;
  /** The next opening; for a market that never closes, the start of its next day. */
  nextOpen(now: number): number;
  /** The next end of a trading day, which also ends `day` orders. */
  nextClose(now: number): number;
  /** The trading days from `from` to `to`, inclusive, at most 3,660. */
  days(from: string, to: string): readonly TradingDay[];
}

const dateOf = (time: number): string => new Date(time).toISOString().slice(0, 10);
const daysLimit = 3660;

function dates(from: string, to: string): string[] {
  const [first, last] = [Date.parse(`${from}T00:00:00Z`), Date.parse(`${to}T00:00:00Z`)];
  const count = Math.min(daysLimit, Math.floor((last - first) / dayLength) + 1);
  return Array.from({ length: Math.max(0, count) }, (_, index) => dateOf(first + index * dayLength));
}

const endOfUtcDay = (now: number): number => (Math.floor(now / dayLength) + 1) * dayLength;

/** Trades around the clock, every day; days are UTC days. */
export const alwaysOpen: Session = {
  isOpen: () => true,
  nextOpen: endOfUtcDay,
  nextClose: endOfUtcDay,
  days: (from, to) =>
    dates(from, to).map((date) => {
      const opensAt = Date.parse(`${date}T00:00:00Z`);
      return { date, opensAt, closesAt: opensAt + dayLength };
    }),
};

/** Full and early (13:00) closings, as announced by NYSE Group on 2024-11-08; 2025-01-09 was a day of mourning. */
const holidays = new Set([
  ...['2025-01-01', '2025-01-09', '2025-01-20', '2025-02-17', '2025-04-18', '2025-05-26', '2025-06-19', '2025-07-04'],
  ...['2025-09-01', '2025-11-27', '2025-12-25'],
  ...['2026-01-01', '2026-01-19', '2026-02-16', '2026-04-03', '2026-05-25', '2026-06-19', '2026-07-03', '2026-09-07'],
  ...['2026-11-26', '2026-12-25'],
  ...['2027-01-01', '2027-01-18', '2027-02-15', '2027-03-26', '2027-05-31', '2027-06-18', '2027-07-05', '2027-09-06'],
  ...['2027-11-25', '2027-12-24'],
]);
const earlyCloses = new Set(['2025-07-03', '2025-11-28', '2025-12-24', '2026-11-27', '2026-12-24', '2027-11-26']);

const newYorkHour = new Intl.DateTimeFormat('en-US', { timeZone: 'America/New_York', hour: 'numeric', hourCycle: 'h23' });
const newYorkDate = new Intl.DateTimeFormat('en-CA', { timeZone: 'America/New_York', dateStyle: 'short' });

/** The UTC time of a New York wall-clock time; clocks change at night, so noon has the day's offset. */
function inNewYork(date: string, [hours, minutes]: readonly [number, number]): number {
  const noonUtc = Date.parse(`${date}T12:00:00Z`);
  const offset = 12 - Number(newYorkHour.format(noonUtc));
  return noonUtc + (offset + hours - 12) * hour + minutes * 60_000;
}

function tradingDay(date: string): TradingDay | undefined {
  const weekday = new Date(`${date}T12:00:00Z`).getUTCDay();
  if (weekday === 0 || weekday === 6 || holidays.has(date)) return undefined;
  return { date, opensAt: inNewYork(date, [9, 30]), closesAt: inNewYork(date, [earlyCloses.has(date) ? 13 : 16, 0]) };
}

/** The first trading day whose `after` time is past `now`; the exchange never closes for ten days. */
function currentOrNext(now: number, after: (day: TradingDay) => number): TradingDay {
  const today = newYorkDate.format(now);
  const near = dates(today, dateOf(Date.parse(`${today}T00:00:00Z`) + 10 * dayLength));
  for (const date of near) {
    const day = tradingDay(date);
    if (day && after(day) > now) return day;
  }
  throw new Error(`no trading day within ten days of ${new Date(now).toISOString()}`);
}

/** The hours of the New York Stock Exchange: weekdays 9:30 to 16:00, except its holidays from 2025 to 2027. */
export const newYork: Session = {
  isOpen: (now) => {
    const day = tradingDay(newYorkDate.format(now));
    return day !== undefined && now >= day.opensAt && now < day.closesAt;
  },
  nextOpen: (now) => currentOrNext(now, ({ opensAt }) => opensAt).opensAt,
  nextClose: (now) => currentOrNext(now, ({ closesAt }) => closesAt).closesAt,
  days: (from, to) => dates(from, to).flatMap((date) => tradingDay(date) ?? []),
};
