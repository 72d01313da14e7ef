import { AsyncLocalStorage } from 'node:async_hooks';
import { context, SpanStatusCode, trace, type Attributes, type Link } from '@opentelemetry/api';
import { activeTraceparent, childTraceparent, isSampled, parseTraceparent, remoteContext } from './trace-context.ts';

/** The context that follows work from a door to the store, to logs and to outgoing messages. */
export interface WorkContext {
  /** Identifies the whole business conversation; a UUID. */
  readonly correlationId: string;
  /** Id of the event or command that caused this work. */
  readonly causationId?: string;
  readonly sagaId?: string;
  /** The command being handled: the ids of its events derive from it. */
  readonly commandId?: string;
  /** The account that the work concerns. */
  readonly account?: string;
  /** The order that the work concerns: for the log alone, not stored. */
  readonly order?: string;
  /** Who asked: a person, or the name of a service. */
  readonly actor?: string;
  /** W3C trace context of this step. */
  readonly traceparent?: string;
}

const storage = new AsyncLocalStorage<WorkContext>();

/**
 * Runs `fn` in `work`, which replaces the outer context completely. If OpenTelemetry is loaded it continues
 * `work.traceparent`, so that SQL and requests made inside belong to that trace.
 */
export function runInContext<T>(work: WorkContext, fn: () => T): T {
  const live = activeTraceparent();
  if (work.traceparent === undefined || work.traceparent === live) return storage.run(work, fn);
  return context.with(remoteContext(work.traceparent), () => storage.run(work, fn));
}

/**
 * Runs `fn` in the current context with `fields` added. Throws `TypeError` without a context or a `correlationId` in
 * `fields`.
 */
export function extendContext<T>(fields: Partial<WorkContext>, fn: () => T): T {
  const current = currentContext();
  const correlationId = fields.correlationId ?? current?.correlationId;
  if (correlationId === undefined) throw new TypeError('extendContext needs an outer context or a correlationId');
  return runInContext({ ...current, ...fields, correlationId }, fn);
}

/**
 * The current context, with the `traceparent` of the open span if OpenTelemetry is loaded; `undefined` outside any
 * work.
 */
export function currentContext(): WorkContext | undefined {
  const work = storage.getStore();
  const live = activeTraceparent();
  return work === undefined || live === undefined || live === work.traceparent ? work : { ...work, traceparent: live };
}

/** Options of a traced step. */
export interface StepOptions {
  /** Continues this trace instead of the current one: the trace of the event or message being handled. */
  readonly traceparent?: string;
  /** Low-cardinality names and figures; no account or order ids. */
  readonly attributes?: Attributes;
  readonly links?: readonly Link[];
}

/** Traces of a batch that get a span each; those beyond are a backlog that no request waits for. */
const maxTraces = 32;

const tracer = trace.getTracer('tradecore');

/**
 * Runs `fn` as a named step of the trace: a span if OpenTelemetry is loaded, always a child `traceparent`. Errors mark
 * the span and are rethrown.
 */
export async function traced<T>(name: string, fn: () => Promise<T>, options: StepOptions = {}): Promise<T> {
  const parent = options.traceparent === undefined ? context.active() : remoteContext(options.traceparent);
  const { attributes = {}, links = [] } = options;
  return tracer.startActiveSpan(name, { attributes, links: [...links] }, parent, async (span) => {
    const around = storage.getStore();
    const traceparent = activeTraceparent() ?? childTraceparent(options.traceparent ?? around?.traceparent);
    try {
      return around === undefined ? await fn() : await storage.run({ ...around, traceparent }, fn);
    } catch (error) {
      span.recordException(error as Error);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/**
 * Runs `fn` as one step of many traces, where work that was asked for one by one is done together: as a span of the
 * first trace, linked to the others. Each of these gets a span of the same time, linked to the first. Without a trace
 * it is no step of any.
 */
export async function tracedBatch<T>(
  name: string,
  traceparents: Iterable<string | undefined>,
  fn: () => Promise<T>,
  attributes: Attributes = {},
): Promise<T> {
  const [first, ...others] = new Set([...traceparents].filter((each) => each !== undefined));
  if (first === undefined) return fn();
  const sampled = others.filter(isSampled).slice(0, maxTraces);
  const links = sampled.flatMap((each) => parseTraceparent(each) ?? []).map((linked): Link => ({ context: linked }));
  const began = Date.now();
  const run = async (): Promise<T> => {
    const batch = trace.getSpanContext(context.active());
    try {
      return await fn();
    } finally {
      const options = { attributes, startTime: began, links: batch ? [{ context: batch }] : [] };
      for (const each of sampled) tracer.startSpan(name, options, remoteContext(each)).end();
    }
  };
  return traced(name, run, { traceparent: first, attributes, links });
}
