import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export type { Counter, Gauge, Histogram } from 'prom-client';

/** Every metric of this process, as `/metrics` shows them. */
export const metrics = new Registry();

/**
 * The labels of a metric with all their values. Each combination starts at zero, so that a rate includes the first
 * event. An empty list means that the values are known only at run time (a topic, a partition); never use ids.
 */
export type Labels = Readonly<Record<string, readonly string[]>>;

/** Options of a metric. Names end in their unit (`_seconds`, `_bytes`) or `_total`. */
export interface MetricOptions<L extends Labels> {
  readonly name: string;
  readonly help: string;
  readonly labels?: L;
}

/** More series than this for one metric is a mistake in its labels. */
const maxSeries = 1000;

/** Every combination of the label values; none if a label has values only at run time. */
function combinations(name: string, labels: Labels): Record<string, string>[] {
  const sets = Object.entries(labels).reduce<Record<string, string>[]>(
    (all, [label, values]) => all.flatMap((set) => values.map((value) => ({ ...set, [label]: value }))),
    [{}],
  );
  if (sets.length > maxSeries) throw new RangeError(`metric ${name} would have ${sets.length} series, more than ${maxSeries}`);
  return sets;
}

/** The metric already registered under this name, for a module that several parts of a process use. */
const known = <M>(name: string): M | undefined => metrics.getSingleMetric(name) as M | undefined;

/** A counter that starts at zero. The same name returns the same counter. */
export function counter<const L extends Labels = Record<never, never>>(options: MetricOptions<L>): Counter<keyof L & string> {
  const { name, help, labels = {} as L } = options;
  const existing = known<Counter<keyof L & string>>(name);
  if (existing) return existing;
  const made = new Counter({ name, help, labelNames: Object.keys(labels) as (keyof L & string)[], registers: [metrics] });
  for (const set of combinations(name, labels)) made.inc(set as never, 0);
  return made;
}

/** A gauge that starts at zero; `collect` may set it when it is read. */
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

/** Seconds from half a millisecond to ten: the duration of a request, a statement or a batch. */
export const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A histogram that starts at zero, with `latencyBuckets` by default. */
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

/** Registers the Node.js metrics (CPU, memory, event loop lag, garbage collection) once per process. */
export function collectProcessMetrics(): void {
  if (!metrics.getSingleMetric('process_cpu_user_seconds_total')) collectDefaultMetrics({ register: metrics });
}
