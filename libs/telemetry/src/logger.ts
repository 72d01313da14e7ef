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
import { activeTraceparent, parseTraceparent } from './trace-context.ts';

export type { Level as LogLevel, Logger } from 'pino';

/** Who writes: stands in every line. Until it is named, the level is `warn`, so that tools and tests stay calm. */
export interface ProcessDescription {
  readonly service: string;
  readonly version: string;
  readonly level?: Level;
}

let described = { service: 'unnamed', version: '0.0.0' };
const loggers = new Map<string, Logger>();

/** Keys whose values never reach a log, one level deep and at the top. */
const secretKeys = ['authorization', 'password', 'token', 'secret', 'cookie', 'privateKey'];

/**
 * Hides what looks like a credential wherever it stands in a line: passwords in URLs, JSON Web Tokens. In time that grows with the text alone,
 * for clients write parts of it: neither pattern looks twice at what it began to match and gave up.
 */
export const mask = (text: string): string =>
  text
    .replace(/(:\/\/[^\s:@/"\\]*):[^\s@/"\\]+@/g, '$1:***@')
    .replace(/\beyJ[\w-]*(\.[\w-]+\.[\w-]*)?/g, (run, rest) => (rest === undefined ? run : '***'));

/** The fields that the context gives to each line. */
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

/** How each line is written; `writeTo` exists for tests. */
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

/** The logger of a part of the process: JSON lines on standard output. Call it once for a module, not for each line. */
export function logger(name: string): Logger {
  const known = loggers.get(name);
  if (known) return known;
  const made = root.child({ logger: name });
  loggers.set(name, made);
  return made;
}

/** Names the process in every line and sets its level. */
export function describeProcess({ service, version, level = 'info' }: ProcessDescription): void {
  described = { service, version };
  setLogLevel(level);
}

/** Changes the level of every logger at run time. */
export function setLogLevel(level: Level): void {
  root.level = level;
  for (const each of loggers.values()) each.level = level;
}
