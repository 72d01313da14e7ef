import { randomBytes } from 'node:crypto';
import { context, isSpanContextValid, ROOT_CONTEXT, trace, TraceFlags, type Context, type SpanContext } from '@opentelemetry/api';

/** The parts of a W3C `traceparent` header. */
export interface TraceParent {
  /** 32 hexadecimal digits, lower case, not all zero. */
  readonly traceId: string;
  /** 16 hexadecimal digits, lower case, not all zero. */
  readonly spanId: string;
  /** Bit 0: sampled. */
  readonly flags: number;
}

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads a W3C `traceparent` (Trace Context level 1); `undefined` for anything that the standard says to ignore. */
export function parseTraceparent(header: string | undefined): TraceParent | undefined {
  const match = header === undefined || header.length > 256 ? null : pattern.exec(header);
  if (!match) return undefined;
  const [, version, traceId, spanId, flags, rest] = match as unknown as [string, string, string, string, string, string?];
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

/** Writes a `traceparent` of version 00. */
export const formatTraceparent = ({ traceId, spanId, flags }: TraceParent): string =>
  `00-${traceId}-${spanId}-${(flags & 0xff).toString(16).padStart(2, '0')}`;

/** A child of `parent`: the same trace, a new span. Without a readable parent, a new sampled trace. */
export function childTraceparent(parent?: string): string {
  const above = parseTraceparent(parent);
  return formatTraceparent({
    traceId: above?.traceId ?? randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    flags: above?.flags ?? TraceFlags.SAMPLED,
  });
}

const fromSpan = ({ traceId, spanId, traceFlags }: SpanContext): string =>
  formatTraceparent({ traceId, spanId, flags: traceFlags });

/** The `traceparent` of OpenTelemetry's active span; `undefined` if its SDK is not loaded. */
export function activeTraceparent(): string | undefined {
  const span = trace.getSpanContext(context.active());
  return span && isSpanContextValid(span) ? fromSpan(span) : undefined;
}

/** Whether the trace is recorded, as the sampler of its root decided; `traceparent` as we write it. */
export const isSampled = (traceparent: string): boolean =>
  (Number.parseInt(traceparent.slice(-2), 16) & TraceFlags.SAMPLED) !== 0;

/** The span that `traceparent` names, of another process or of an earlier time; undefined if it is unreadable. */
export function spanContextOf(traceparent: string | undefined): SpanContext | undefined {
  const above = parseTraceparent(traceparent);
  return above && { traceId: above.traceId, spanId: above.spanId, traceFlags: above.flags, isRemote: true };
}

/** OpenTelemetry's context with `traceparent` as the remote parent; without a parent if it is absent or unreadable. */
export function remoteContext(traceparent: string | undefined): Context {
  const above = spanContextOf(traceparent);
  return above ? trace.setSpanContext(ROOT_CONTEXT, above) : ROOT_CONTEXT;
}
