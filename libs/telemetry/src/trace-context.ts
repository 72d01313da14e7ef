import { randomBytes } from 'node:crypto';
import { context, isSpanContextValid, ROOT_CONTEXT, trace, TraceFlags, type Context, type SpanContext } from '@opentelemetry/api';

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * The span that a W3C `traceparent` (Trace Context level 1) names, of another process or of an earlier time;
 * `undefined` for anything that the standard says to ignore.
 */
export function parseTraceparent(header: string | undefined): SpanContext | undefined {
  const match = header === undefined || header.length > 256 ? null : pattern.exec(header);
  if (!match) return undefined;
  const [, version, traceId, spanId, flags, rest] = match as unknown as [string, string, string, string, string, string?];
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

/** Writes a `traceparent` of version 00. */
export const formatTraceparent = ({ traceId, spanId, traceFlags }: SpanContext): string =>
  `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;

/** A child of `parent`: the same trace, a new span. Without a readable parent, a new sampled trace. */
export function childTraceparent(parent?: string): string {
  const above = parseTraceparent(parent);
  return formatTraceparent({
    traceId: above?.traceId ?? randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    traceFlags: above?.traceFlags ?? TraceFlags.SAMPLED,
  });
}

/** The `traceparent` of OpenTelemetry's active span; `undefined` if its SDK is not loaded. */
export function activeTraceparent(): string | undefined {
  const span = trace.getSpanContext(context.active());
  return span && isSpanContextValid(span) ? formatTraceparent(span) : undefined;
}

/** Whether the trace is recorded, as the sampler of its root decided; `traceparent` as we write it. */
export const isSampled = (traceparent: string): boolean =>
  (Number.parseInt(traceparent.slice(-2), 16) & TraceFlags.SAMPLED) !== 0;

/** OpenTelemetry's context with `traceparent` as the remote parent; without a parent if it is absent or unreadable. */
export function remoteContext(traceparent: string | undefined): Context {
  const above = parseTraceparent(traceparent);
  return above ? trace.setSpanContext(ROOT_CONTEXT, above) : ROOT_CONTEXT;
}
