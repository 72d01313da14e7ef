/** `critical` pages the engineer on call, `warning` opens a ticket, `none` is no fault: it shows that alerts arrive. */
export type Severity = 'critical' | 'warning' | 'none';

/** One alert of Prometheus. */
export interface Alert {
  readonly alert: string;
  readonly severity: Severity;
  readonly expr: string;
  /** Tells rules of one name apart: the window of a budget. */
  readonly window?: string;
  /** How long it must be so: `2m`. At once if absent. */
  readonly for?: string;
  readonly summary: string;
  /** The page in docs/runbooks, without `.md`. */
  readonly runbook: string;
}

/** A series that other rules read, computed at each evaluation. */
export interface Recording {
  readonly record: string;
  readonly expr: string;
}

/** Rules of one subject, evaluated in order. */
export interface Group {
  readonly name: string;
  readonly recordings?: readonly Recording[];
  readonly alerts: readonly Alert[];
}

/** The words of time that rules are written in; a drill has them shorter. */
export interface Times {
  /** A duration as PromQL writes it: `5m`. */
  readonly span: (seconds: number) => string;
  /** A threshold in seconds for an age that is measured. */
  readonly age: (seconds: number) => number;
}

/** An age that a drill can tell from a busy machine: twice what the reconciler takes between two looks. In seconds. */
const shortestAge = 10;

/** Times divided by `scale`. */
export function timesOf(scale: number): Times {
  return {
    span: (seconds) => duration(Math.round((seconds * 1000) / scale)),
    age: (seconds) => (scale === 1 ? seconds : Math.max(shortestAge, seconds / scale)),
  };
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

function duration(ms: number): string {
  const [unit, length] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ['ms', 1];
  return `${ms / length}${unit}`;
}

/**
 * An alert of each fleet alone: where several instances say the same of one table, the largest counts, once. `by` adds
 * labels that stay.
 */
export const most = (series: string, ...by: string[]): string => `max by (${['namespace', ...by].join(', ')}) (${series})`;

/**
 * That a counter has risen within the window. A series that is new counts from zero: `increase` alone misses what was
 * counted before the first scrape.
 */
export function risen(counter: string, window: string, ...by: string[]): string {
  const labels = ['namespace', ...by].join(', ');
  const born = `max_over_time(${counter}[${window}]) unless max_over_time(${counter}[${window}] offset ${window})`;
  return `sum by (${labels}) (increase(${counter}[${window}])) > 0 or sum by (${labels}) (${born}) > 0`;
}
