import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export type { Counter, Gauge, Histogram } from 'prom-client';

/** Every metric of this process; what `/metrics` shows. */
export const metrics = new Registry();

/**
 * The labels of a metric and all their values. Each combination is there, at zero, from the start, so that a rate over the first
 * event is not lost. An empty list says that the values are known only at run time (a topic, a partition): never an id.
 */
export type Labels = Readonly<Record<string, readonly string[]>>;

/** What a metric is. Names end in their unit (`_seconds`, `_bytes`) or `_total`. */
export interface MetricOptions<L extends Labels> {
  readonly name: string;
  readonly help: string;
  readonly labels?: L;
}

/** More series than this for one metric is a mistake in its labels. */
const maxSeries = 1000;

/** Every combination of the values of `labels`; none when a label has values only at run time. */
function combinations(name: string, labels: Labels): Record<string, string>[] {
  const sets = Object.entries(labels).reduce<Record<string, string>[]>(
    (all, [label, values]) => all.flatMap((set) => values.map((value) => ({ ...set, [label]: value }))),
    [{}],
  );
  if (sets.length > maxSeries) throw new RangeError(`metric ${name} would have ${sets.length} series, more than ${maxSeries}`);
  return sets;
}

/** The metric already registered under this name, when a module is used by several parts of a process. */
const known = <M>(name: string): M | undefined => metrics.getSingleMetric(name) as M | undefined;

/** A counter, born at zero. Asking again for the same name gives the same counter. */
export function counter<const L extends Labels = Record<never, never>>(options: MetricOptions<L>): Counter<keyof L & string> {
  const { name, help, labels = {} as L } = options;
  const existing = known<Counter<keyof L & string>>(name);
  if (existing) return existing;
  const made = new Counter({ name, help, labelNames: Object.keys(labels) as (keyof L & string)[], registers: [metrics] });
  for (const set of combinations(name, labels)) made.inc(set as never, 0);
  return made;
}

/** A gauge, born at zero; `collect` may set it when it is read. */
export function gauge<const L extends Labels = Record<never, never>>(
  options: MetricOptions<L> & { readonly collect?: (gauge: Gauge<keyof L & string>) => void | Promise<void> },
): Gauge<keyof L & string> {
  const { name, help, labels = {} as L, collect } = options;
  const existing = known<Gauge<keyof L & string>>(name);
  if (existing) return existing;
  const made: Gauge<keyof L & string> = new Gauge({
    name,
    help,
    labelNames: Object.keys(labels) as (keyof L & string)[],
    registers: [metrics],
    ...(collect && { collect: () => collect(made) }),
  });
  for (const set of combinations(name, labels)) made.set(set as never, 0);
  return made;
}

/** Seconds from half a millisecond to ten: what a request, a statement or a batch takes. */
export const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A histogram, born at zero; `latencyBuckets` unless told otherwise. */
export function histogram<const L extends Labels = Record<never, never>>(
  options: MetricOptions<L> & { readonly buckets?: readonly number[] },
): Histogram<keyof L & string> {
  const { name, help, labels = {} as L, buckets = latencyBuckets } = options;
  const existing = known<Histogram<keyof L & string>>(name);
  if (existing) return existing;
  const labelNames = Object.keys(labels) as (keyof L & string)[];
  const made = new Histogram({ name, help, labelNames, buckets: [...buckets], registers: [metrics] });
  for (const set of combinations(name, labels)) made.zero(set as never);
  return made;
}

/** Adds what Node.js says about itself: CPU, memory, event loop lag, garbage collection. Once for a process. */
export function collectProcessMetrics(): void {
  if (!metrics.getSingleMetric('process_cpu_user_seconds_total')) collectDefaultMetrics({ register: metrics });
}
