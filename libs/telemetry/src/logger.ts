import {
  pino,
  stdSerializers,
  stdTimeFunctions,
  type DestinationStream,
  type Level,
  type Logger,
  type LoggerOptions,
} from 'pino';
import { currentContext } from './context.ts';
import { gauge } from './metrics.ts';
import { activeTraceparent, parseTraceparent } from './trace-context.ts';

export type { Level as LogLevel, Logger } from 'pino';

/** The process that logs: part of every line. Until it is set, the level is `warn` to keep tools and tests quiet. */
export interface ProcessDescription {
  readonly service: string;
  readonly version: string;
  readonly level?: Level;
  /** The commit that was built, where whoever built it has said so. */
  readonly revision?: string;
}

let described = { service: 'unnamed', version: '0.0.0' };
const buildInfo = gauge({
  name: 'tradecore_build_info',
  help: '1: the release and the commit that this process runs.',
  labels: { service: [], version: [], revision: [] },
  atMost: 1,
});
const loggers = new Map<string, Logger>();

/** Keys whose values are never logged, at the top level and one level down. */
const secretKeys = ['authorization', 'password', 'token', 'secret', 'cookie', 'privateKey'];

/**
 * Masks credentials anywhere in a line: passwords in URLs and JSON Web Tokens. Runs in linear time, because clients
 * control parts of the text: neither pattern rescans a failed match.
 */
export const mask = (text: string): string =>
  text
    .replace(/(:\/\/[^\s:@/"\\]*):[^\s@/"\\]+@/g, '$1:***@')
    .replace(/\beyJ[\w-]*(\.[\w-]+\.[\w-]*)?/g, (run, rest) => (rest === undefined ? run : '***'));

/** The fields that the context adds to each line. */
function contextFields(): Record<string, string> {
  const work = currentContext();
  const trace = parseTraceparent(work?.traceparent ?? activeTraceparent());
  return {
    ...described,
    ...(trace && { trace_id: trace.traceId, span_id: trace.spanId }),
    ...(work && { correlation_id: work.correlationId }),
    ...(work?.causationId !== undefined && { causation_id: work.causationId }),
    ...(work?.sagaId !== undefined && { saga_id: work.sagaId }),
  };
}

/** The logger with its format; `writeTo` is for tests. */
export function createLogger(level: Level, writeTo?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    mixin: contextFields,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: stdSerializers.err, error: stdSerializers.err },
    redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`]), censor: '***' },
    hooks: { streamWrite: mask },
  };
  return writeTo ? pino(options, writeTo) : pino(options);
}

const root = createLogger('warn');

/** The logger of a module: JSON lines on standard output. Call it once per module, not for each line. */
export function logger(name: string): Logger {
  const known = loggers.get(name);
  if (known) return known;
  const made = root.child({ logger: name });
  loggers.set(name, made);
  return made;
}

/** Sets the process named in every line, and the level. */
export function describeProcess({ service, version, level = 'info', revision = 'unknown' }: ProcessDescription): void {
  described = { service, version };
  buildInfo.reset();
  buildInfo.set({ service, version, revision }, 1);
  setLogLevel(level);
}

/** Changes the level of every logger at run time. */
export function setLogLevel(level: Level): void {
  root.level = level;
  for (const each of loggers.values()) each.level = level;
}
