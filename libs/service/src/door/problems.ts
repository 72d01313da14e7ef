import { STATUS_CODES, type IncomingMessage } from 'node:http';
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { databaseFault, DatabaseUnavailable, DomainError, isDatabaseAway, StoreClosed } from '@tradecore/event-sourcing';
import { counter, currentContext, logger, parseTraceparent } from '@tradecore/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { audit } from './audit.ts';
import { problemCodes } from './problem-codes.ts';

const problems = counter({
  name: 'tradecore_http_problems_total',
  help: 'Problem documents answered, by code.',
  labels: { code: problemCodes },
});

/** One fault of a request: where, what, and a stable code. */
export interface FieldFault {
  /** A JSON Pointer as a URI fragment (RFC 6901); `#` is the whole. */
  readonly pointer: string;
  readonly detail: string;
  /** Stable, for programs. */
  readonly code: string;
  /** What the pointer points into; the body when absent. */
  readonly in?: 'query' | 'path' | 'header' | undefined;
}

/** An RFC 9457 problem document. May have further members. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The path of the request. */
  readonly instance: string;
  readonly traceId?: string;
  readonly errors?: readonly FieldFault[];
  readonly [member: string]: unknown;
}

/** A fault that a door finds before any use case: a status, a stable code, and the fields concerned. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly more: {
      readonly errors?: readonly FieldFault[];
      readonly headers?: Readonly<Record<string, string>>;
      /** Further members of the problem document. */
      readonly extensions?: Readonly<Record<string, unknown>>;
      /** The reason, for the log only. */
      readonly because?: string;
    } = {},
  ) {
    super(detail);
  }
}

/** The URI of a problem, for programs. */
const problemType = (code: string): string => `https://tradecore.dev/problems/${code}`;

const statusOf: Record<DomainError['kind'], number> = {
  invalid: 400,
  // The request is well-formed but cannot be done: another one under the same key, a rule, insufficient funds.
  unprocessable: 422,
  'not-found': 404,
  refused: 409,
  conflict: 409,
  busy: 503,
  // The outcome is not known yet: not 500 (a bug) and not 503 (nothing happened). The client retries with the same key.
  'unknown-outcome': 504,
};

/** Codes of errors that the framework raises itself. */
const frameworkCodes: Record<string, string> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid-content-length',
  FST_ERR_BAD_URL: 'invalid-path',
  FST_ERR_MAX_PARAM_LENGTH: 'invalid-path',
};
/** Where these are in the request. */
const placeOf: Record<string, Pick<FieldFault, 'pointer' | 'in'>> = {
  'body-too-large': { pointer: '#' },
  'unsupported-media-type': { pointer: '#/content-type', in: 'header' },
  'invalid-path': { pointer: '#', in: 'path' },
};
const statusCodes: Record<number, string> = { 404: 'no-such-route', 413: 'body-too-large', 415: 'unsupported-media-type' };

type Answer = Pick<RequestRefused, 'status' | 'code'> & { readonly detail: string } & RequestRefused['more'];

function fromDomain(error: DomainError): Answer {
  const { errors, ...extensions } = (error.details ?? {}) as { errors?: readonly FieldFault[] };
  const retry = error.kind === 'busy' || error.kind === 'unknown-outcome';
  return {
    status: statusOf[error.kind],
    code: error.code,
    detail: error.message,
    extensions,
    ...(errors && { errors }),
    ...(retry && { headers: { 'retry-after': '1' } }),
  };
}

function fromFramework(error: HttpException): Answer {
  const status = error.getStatus();
  const cause = (error.cause as { code?: string } | undefined)?.code ?? '';
  const code = frameworkCodes[cause] ?? statusCodes[status] ?? 'bad-request';
  const detail = status === 404 ? 'There is nothing at this path for this method.' : error.message;
  const place = placeOf[code];
  return { status, code, detail, ...(place && { errors: [{ ...place, code, detail }] }) };
}

/** The answer to an error; an error that is not a refusal is a bug: 500, without its text. */
function answerTo(error: unknown): Answer {
  if (error instanceof RequestRefused) return { status: error.status, code: error.code, detail: error.message, ...error.more };
  if (error instanceof DomainError) return fromDomain(error);
  if (error instanceof HttpException && error.getStatus() < 500) return fromFramework(error);
  const { name, statusCode, code } = error as { name?: string; statusCode?: number; code?: string };
  if (name === 'FastifyError' && statusCode !== undefined && statusCode < 500) {
    return fromFramework(new HttpException((error as Error).message, statusCode, { cause: { code } }));
  }
  if (databaseFault(error) === 'closed') return fromDomain(new StoreClosed());
  if (isDatabaseAway(error)) return fromDomain(new DatabaseUnavailable());
  return { status: 500, code: 'internal-error', detail: 'Internal error of the service, logged under the trace id.' };
}

const sentence = (code: string): string => code.charAt(0).toUpperCase() + code.slice(1).replaceAll('-', ' ');

/** The document that describes `answer` to the request to `path`. */
function problemOf({ status, code, detail, errors, extensions }: Answer, path: string): Problem {
  const traceId = parseTraceparent(currentContext()?.traceparent)?.traceId;
  return {
    ...extensions,
    type: problemType(code),
    title: sentence(code) || (STATUS_CODES[status] ?? 'Error'),
    status,
    detail,
    instance: path.split('?', 1)[0] ?? '/',
    ...(traceId !== undefined && { traceId }),
    ...(errors && { errors: [...errors] }),
  };
}

const count = ({ code }: Answer): void => problems.inc({ code: code as (typeof problemCodes)[number] });

const auditAnswer = ({ status, code, because, extensions }: Answer, request: IncomingMessage, subject?: string): void =>
  audit({ status, code, because, rule: extensions?.['rule'] }, request, subject);

/**
 * `error` as a whole HTTP/1.1 answer, for when there is no reply to send: malformed requests, refused upgrades. Closes
 * the connection.
 */
export function rawProblem(error: unknown, request?: IncomingMessage, subject?: string): string {
  const answer = answerTo(error);
  count(answer);
  if (request) auditAnswer(answer, request, subject);
  const body = JSON.stringify(problemOf(answer, request?.url ?? '/'));
  const headers = {
    ...answer.headers,
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? 'Error'}\r\n${lines.join('')}\r\n${body}`;
}

const log = logger('problems');

/** Sends `error` as a problem document; logs the service's own faults. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const answer = answerTo(error);
  count(answer);
  const where = { err: error, method: request.method, path: request.url };
  auditAnswer(answer, request.raw, request.caller?.subject);
  if (answer.status === 500) log.error(where, 'unhandled error in a request');
  if (answer.code === 'database-unavailable') log.warn(where, 'database unavailable in a request');
  // Closing with bytes unread resets the connection, and the answer may be lost: Node.js reads the rest, at most until
  // the request's timeout.
  if (answer.status === 413) void reply.removeHeader('connection');
  const problem = problemOf(answer, request.url);
  void reply
    .code(answer.status)
    .headers(answer.headers ?? {})
    .header('content-type', 'application/problem+json')
    // As bytes: Fastify adds a charset to text, and JSON types have none.
    .send(Buffer.from(JSON.stringify(problem)));
}

/** The only place where errors become HTTP. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  /** Answers the current request. */
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}
