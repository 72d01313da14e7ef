import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { counter, logger } from '@tradecore/telemetry';
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { Accounts, PaperAccount } from './accounts.ts';
import { malformed, Refusal } from './exchange/refusal.ts';
import type { RateLimit } from './rate-limit.ts';

/** Maximum bytes of a request body. */
const bodyLimit = 64 * 1024;

const log = logger('paper-http');
const answers = counter({
  name: 'tradecore_paper_requests_total',
  help: 'Requests answered, by status class.',
  labels: { status: ['2xx', '4xx', '5xx'] },
});

declare module 'fastify' {
  interface FastifyRequest {
    paper?: PaperAccount;
  }
}

/** What the door checks for each request. */
export interface DoorOptions {
  readonly accounts: Accounts;
  readonly rateLimit: RateLimit;
  /** The broker is unavailable: only the control routes answer. */
  readonly isAway: () => boolean;
}

/** 429, with the seconds to wait before a retry. */
export const tooMany = (seconds: number): Refusal => new Refusal(429, 42910000, 'rate limit exceeded', { retryAfter: seconds });

/** 500, as Alpaca words it. */
export const internalError = (): Refusal => new Refusal(500, 50010000, 'internal server error occurred');

/** The account of an authenticated request. */
export function accountOf({ paper }: FastifyRequest): PaperAccount {
  if (!paper) throw new Error('the request has no account');
  return paper;
}

/** Parses `value`, treating null as absent; throws `Refusal` 422 with the first fault. */
export function read<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const parsed = schema.safeParse(
    isObject ? Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null)) : (value ?? {}),
  );
  if (parsed.success) return parsed.data;
  throw malformed(faultOf(parsed.error));
}

/** A message of a stream, or what is wrong with it. */
export function messageIn<S extends z.ZodType>(schema: S, text: string): z.output<S> | string {
  try {
    const heard = schema.safeParse(JSON.parse(text));
    return heard.success ? heard.data : faultOf(heard.error);
  } catch {
    return 'invalid syntax';
  }
}

/** The first fault of a request, as text. */
function faultOf({ issues: [issue] }: z.ZodError): string {
  if (issue?.code === 'unrecognized_keys') return `${issue.keys[0]} is not supported by the paper broker`;
  return `${issue?.path.join('.') || 'body'}: ${issue?.message}`;
}

/** Fastify with Alpaca's keys, limits and error bodies for every route. */
export function createDoor(options: DoorOptions): FastifyInstance {
  const door = Fastify({
    logger: false,
    bodyLimit,
    requestTimeout: 15_000,
    return503OnClosing: false,
    genReqId: () => randomUUID(),
  });
  door.removeAllContentTypeParsers();
  door.addContentTypeParser('*', { parseAs: 'string', bodyLimit }, (_, body, done) => {
    try {
      done(null, body === '' ? undefined : JSON.parse(String(body)));
    } catch {
      done(malformed('request body format is invalid'));
    }
  });
  door.addHook('onRequest', (request, reply, done) => admit(request, reply, { ...options, done }));
  door.addHook('preHandler', ({ query, routeOptions, is404 }, _, done) => {
    const [asked] = is404 || routeOptions.config.readsQuery ? [] : Object.keys(query as object);
    done(asked === undefined ? undefined : malformed(`${asked} is not supported by the paper broker`));
  });
  door.addHook('onResponse', (_, reply, done) => {
    answers.inc({ status: `${Math.trunc(reply.statusCode / 100)}xx` });
    done();
  });
  const routes: string[] = [];
  door.addHook('onRoute', ({ method, url, config }) => {
    if (method !== 'HEAD' && config?.control !== true) routes.push(`${String(method)} ${url.replace('::', ':')}`);
  });
  door.setNotFoundHandler(({ method, url }, reply) => refuse(lacking(method, url, routes), reply));
  door.setErrorHandler((error, _, reply) => refuse(error, reply));
  return door;
}

/** Alpaca's paths begin with a version: a missing one is answered 501, with the supported routes. */
function lacking(method: string, url: string, routes: readonly string[]): Refusal {
  const [path = ''] = url.split('?', 1);
  if (!/^\/v\d/.test(path)) return new Refusal(404, 40410000, 'endpoint not found');
  return new Refusal(501, 50110000, `the paper broker does not support ${method} ${path}`, { supported: routes });
}

function admit(request: FastifyRequest, reply: FastifyReply, options: DoorOptions & { done: (error?: Error) => void }): void {
  const { accounts, rateLimit, isAway, done } = options;
  const { headers, routeOptions } = request;
  const isControl = routeOptions.config.control === true;
  if (isAway() && !isControl) return void request.raw.socket.destroy();
  void reply.header('x-request-id', request.id);
  const account = accounts.find(headers['apca-api-key-id'], headers['apca-api-secret-key']);
  if (!account) return done(new Refusal(401, 40110000, 'request is not authorized'));
  request.paper = account;
  if (isControl) return done(account.isFirst ? undefined : new Refusal(403, 40310000, 'only the first account may do this'));
  const { limit, remaining, reset, isSpent } = rateLimit.take(account.id, Date.now());
  void reply.headers({ 'x-ratelimit-limit': limit, 'x-ratelimit-remaining': remaining, 'x-ratelimit-reset': reset });
  done(isSpent ? tooMany(Math.max(1, Math.ceil(reset - Date.now() / 1000))) : undefined);
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A control route, not one of the trading API. */
    control?: boolean;
    /** The route reads its own query; other routes refuse one. */
    readsQuery?: boolean;
  }
}

/** Answers any error in Alpaca's shape; an unexpected one is logged and its text is not sent. */
function refuse(error: unknown, reply: FastifyReply): FastifyReply {
  const refusal = refusalOf(error);
  const { status, code, message } = refusal;
  const { retryAfter, ...more } = refusal.more;
  if (retryAfter !== undefined) void reply.header('retry-after', String(retryAfter));
  return reply.code(status).send({ code, message, ...more });
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const { statusCode, message } = error as { statusCode?: number; message: string };
  if (statusCode !== undefined && statusCode < 500) return new Refusal(statusCode, statusCode * 100_000 + 10_001, message);
  log.error({ err: error }, 'unhandled error in a request');
  return internalError();
}
