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

/** One name in every line for what is looked for by its id, as code and context have it. */
const idNames: Readonly<Record<string, string>> = {
  correlationId: 'correlation_id',
  causationId: 'causation_id',
  sagaId: 'saga_id',
  accountId: 'account_id',
  orderId: 'order_id',
};
const withIdNames = (fields: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [idNames[name] ?? name, value]));

/** Keys whose values are never logged, at the top level and one level down: secrets, and what people write or are. */
const hiddenKeys = [
  ...['authorization', 'password', 'token', 'secret', 'secretKey', 'cookie', 'privateKey'],
  ...['email', 'phone', 'displayName', 'text', 'reference'],
];
/** Where an error of the database repeats the values of its statement. */
const valuesInErrors = ['parameters', 'detail', 'where', 'driverError'].map((key) => `err.${key}`);

/**
 * Masks credentials and addresses of people anywhere in a line: passwords in URLs, JSON Web Tokens, e-mail. Runs in
 * linear time, because clients control parts of the text: no pattern rescans a failed match.
 */
export const mask = (text: string): string =>
  text
    .replace(/(:\/\/[^\s:@/"\\]*):[^\s@/"\\]+@/g, '$1:***@')
    .replace(/\beyJ[\w-]*(\.[\w-]+\.[\w-]*)?/g, (run, rest) => (rest === undefined ? run : '***'))
    .replace(/(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}(?![\w.-])/gi, '***@***');

/** The fields that the context adds to each line. */
function contextFields(): object {
  const work = currentContext();
  const trace = parseTraceparent(work?.traceparent ?? activeTraceparent());
  const { correlationId, causationId, sagaId, account: accountId, order: orderId } = work ?? {};
  const ids = { correlationId, causationId, sagaId, accountId, orderId };
  return { ...described, ...(trace && { trace_id: trace.traceId, span_id: trace.spanId }), ...ids };
}

/** The logger with its format; `writeTo` is for tests. */
export function createLogger(level: Level, writeTo?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    mixin: contextFields,
    formatters: { level: (label) => ({ level: label }), log: withIdNames },
    serializers: { err: stdSerializers.err, error: stdSerializers.err },
    redact: { paths: [...hiddenKeys.flatMap((key) => [key, `*.${key}`]), ...valuesInErrors], censor: '***' },
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
