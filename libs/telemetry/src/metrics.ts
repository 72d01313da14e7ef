import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram as PromHistogram,
  Registry,
  type OpenMetricsContentType,
} from 'prom-client';
import { currentContext } from './context.ts';
import { parseTraceparent } from './trace-context.ts';

export type { Counter, Gauge } from 'prom-client';

/**
 * The labels of a metric with all their values. Each combination starts at zero, so that a rate includes the first
 * event. An empty list means that the values are known only at run time (a topic, a partition); never use ids.
 */
export type Labels = Readonly<Record<string, readonly string[]>>;

/** Options of a metric. Names end in their unit (`_seconds`, `_bytes`), those of counters in `_total`. */
export interface MetricOptions<L extends Labels, N extends string = `tradecore_${string}`> {
  readonly name: N;
  readonly help: string;
  readonly labels?: L;
  /** Series of one process, at most; needed where a label has values only at run time. */
  readonly atMost?: number;
}

/** A metric as it was declared: a row of the catalogue. */
export interface Declaration {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: Labels;
  /** Series of one process, at most; those of a histogram without its buckets. */
  readonly atMost: number;
}

/** A histogram. What it observes in a sampled trace becomes an exemplar of that trace. */
export interface Histogram<L extends string> {
  observe(seconds: number): void;
  observe(labels: Readonly<Record<L, string>>, value: number): void;
  /** Returns the function that observes the seconds since. */
  startTimer(labels?: Readonly<Record<L, string>>): () => void;
  /** Lets the series of these labels begin at zero. */
  zero(labels: Readonly<Record<L, string>>): void;
}

const registry = new Registry<OpenMetricsContentType>();
registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
const declared = new Map<string, Declaration>();

/** More series than this for one metric is a mistake in its labels. */
const maxSeries = 1000;

/** The metrics that the modules loaded so far have declared. */
export const declaredMetrics = (): readonly Declaration[] => [...declared.values()];

/** The media type of `metricsPage`. */
export const metricsPageType = registry.contentType;

/**
 * Every metric of this process, as OpenMetrics 1.0 writes it: with floats as bounds of buckets, and NaN, which the
 * library writes otherwise.
 */
export const metricsPage = async (): Promise<string> =>
  (await registry.metrics()).replace(/([{,]le=")(\d+)"/g, '$1$2.0"').replace(/ Nan$/gm, ' NaN');

/** Every combination of the label values; none if a label has values only at run time. */
function combinations(labels: Labels): Record<string, string>[] {
  return Object.entries(labels).reduce<Record<string, string>[]>(
    (all, [label, values]) => all.flatMap((set) => values.map((value) => ({ ...set, [label]: value }))),
    [{}],
  );
}

/** Records the declaration. Throws `RangeError` for too many series, or where their number has no bound. */
function declare<L extends Labels>(type: Declaration['type'], { name, help, labels, atMost }: MetricOptions<L, string>) {
  const sets = combinations(labels ?? {});
  const most = atMost ?? sets.length;
  if (most === 0) throw new RangeError(`metric ${name} has a label with values at run time and says no "atMost"`);
  if (most > maxSeries) throw new RangeError(`metric ${name} would have ${most} series, more than ${maxSeries}`);
  declared.set(name, { name, type, help, labels: labels ?? {}, atMost: most });
  return { sets, config: { name, help, labelNames: Object.keys(labels ?? {}) as (keyof L & string)[], registers: [registry] } };
}

/** A counter that starts at zero. A name is declared once. */
export function counter<const L extends Labels = Record<never, never>>(
  options: MetricOptions<L, `tradecore_${string}_total`>,
): Counter<keyof L & string> {
  const { sets, config } = declare('counter', options);
  // OpenMetrics names a counter's family without `_total`, and the library adds it to each sample.
  const made = new Counter({ ...config, name: config.name.replace(/_total$/, '') });
  for (const set of sets) made.inc(set as never, 0);
  return made;
}

/** A gauge that starts at zero. */
export function gauge<const L extends Labels = Record<never, never>>(options: MetricOptions<L>): Gauge<keyof L & string> {
  const { sets, config } = declare('gauge', options);
  const made = new Gauge(config);
  for (const set of sets) made.set(set as never, 0);
  return made;
}

/**
 * Sets a gauge whenever the page is read: for what is known in memory, such as an age. Not for what a server is asked
 * for, or each scrape would ask it: so `read` can't be awaited.
 */
export function setWhenRead<L extends string>(shown: Gauge<L>, read: (shown: Gauge<L>) => undefined): void {
  (shown as { collect?: () => void }).collect = () => read(shown);
}

/** Seconds from half a millisecond to ten: the duration of a request, a statement or a batch. */
export const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Seconds from five milliseconds to ten minutes: how long something took to arrive, which a halt makes long. */
export const delayBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600];

/** A histogram that starts at zero, with `latencyBuckets` by default. */
export function histogram<const L extends Labels = Record<never, never>>(
  options: MetricOptions<L> & { readonly buckets?: readonly number[] },
): Histogram<keyof L & string> {
  const { sets, config } = declare('histogram', options);
  const made = new PromHistogram({ ...config, buckets: [...(options.buckets ?? latencyBuckets)], enableExemplars: true });
  for (const set of sets) made.zero(set as never);
  const observe = (labels: object, value: number): void =>
    made.observe({ labels: labels as never, value, exemplarLabels: exemplarOfTrace() as never });
  return {
    observe: (labels: object | number, value?: number) =>
      typeof labels === 'number' ? observe({}, labels) : observe(labels, value as number),
    startTimer: (labels = {} as never) => {
      const began = performance.now();
      return () => observe(labels, (performance.now() - began) / 1000);
    },
    zero: (labels) => made.zero(labels as never),
  };
}

/** A trace that is not sampled leads nowhere. */
function exemplarOfTrace(): { trace_id?: string; span_id?: string } {
  const trace = parseTraceparent(currentContext()?.traceparent);
  return trace && trace.traceFlags & 1 ? { trace_id: trace.traceId, span_id: trace.spanId } : {};
}

let isProcessShown = false;

/** Registers the Node.js metrics (CPU, memory, event loop lag, garbage collection) once per process. */
export function collectProcessMetrics(): void {
  if (isProcessShown) return;
  isProcessShown = true;
  collectDefaultMetrics({ register: registry });
}
