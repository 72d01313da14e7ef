import type { StoreIdentity } from '@tradecore/event-sourcing';
import { AsyncResource } from 'node:async_hooks';
import cors from '@fastify/cors';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { freshId } from '@tradecore/events';
import { activeTraceparent, childTraceparent, currentContext, histogram, logger, runInContext } from '@tradecore/telemetry';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { validate as isUuid } from 'uuid';
import type { Authenticator } from './auth.ts';
import type { People } from './people.ts';
import type { Config } from '../run/config.ts';
import type { Health } from '../run/health.ts';
import { isDeeperThan } from './json-depth.ts';
import { Methods, type Paths } from './methods.ts';
import { rawProblem, RequestRefused, sendProblem } from './problems.ts';
import type { RateLimits, RouteClass } from './rate-limits.ts';

const log = logger('http');
const statusClasses = ['2xx', '3xx', '4xx', '5xx'] as const;
const durations = histogram({
  name: 'tradecore_http_request_duration_seconds',
  help: 'Time from the request line to the last byte of the answer, by route pattern and class of status.',
  labels: { method: [], route: [], status: [] },
  atMost: 200,
});

declare module 'fastify' {
  interface FastifyRequest {
    /** Keeps the request's context while its body is read. */
    work?: AsyncResource;
  }
}

/**
 * Answers a parser error or a timeout of Node.js's HTTP server, before there is a request, with a problem document too.
 */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy();
  const [status, code] = brokenHttp[error.code ?? ''] ?? [400, 'broken-http'];
  socket.end(rawProblem(new RequestRefused(status, code, 'The request could not be read.')));
}

const brokenHttp: Record<string, [number, string]> = {
  HPE_HEADER_OVERFLOW: [431, 'headers-too-large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'request-timeout'],
};

/**
 * Java's client offers HTTP/2 to every plain-text server with an Upgrade header; where a stream listens for upgrades,
 * Node.js would treat that as one and never answer the request.
 */
const isWebSocket = ({ headers }: IncomingMessage, adapter: FastifyAdapter): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket' && adapter.getHttpServer().listenerCount('upgrade') > 0;

/** For a path that the router cannot read: it answers before any hook has run. */
function refuseRequest(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const context = contextOf(request);
  tellContext(reply, context);
  runInContext(context, () => sendProblem(error, request, reply));
}

/** What pages of other origins may send and see. They authenticate with a bearer token, never with a cookie. */
const crossOrigin = {
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  allowedHeaders: [
    ...['accept', 'authorization', 'content-type', 'idempotency-key', 'if-match', 'if-none-match', 'prefer'],
    ...['consistency-token', 'traceparent', 'x-correlation-id'],
  ],
  exposedHeaders: [
    ...['etag', 'location', 'consistency-token', 'preference-applied', 'retry-after', 'www-authenticate', 'allow'],
    ...['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'traceparent', 'x-correlation-id'],
  ],
  maxAge: 600,
  strictPreflight: false,
};

/** What a door needs from its service. */
export interface DoorParts {
  readonly authenticator: Authenticator;
  readonly rateLimits: RateLimits;
  /** Finds the persons of callers, in a service that writes. */
  readonly people?: Pick<People, 'personOf'> | undefined;
  /** Of the store, in a service with a database. */
  readonly identity?: Pick<StoreIdentity, 'current'> | undefined;
  /** Paths and methods of the whole API, including those of other doors. */
  readonly paths: Paths;
  /** The class of routes that are neither reads nor writes: `{ 'POST /v1/orders': 'orders' }`. */
  readonly routeClasses: Readonly<Record<string, RouteClass>>;
  readonly health: Health;
  readonly config: Pick<Config, 'LIMIT_BODY' | 'LIMIT_DEPTH' | 'CORS_ORIGINS'>;
}

/** The Fastify instance of a service's HTTP door, before Nest adds its routes. */
export function createHttpDoor(parts: DoorParts): FastifyAdapter {
  const { health, config } = parts;
  const options: object = {
    bodyLimit: config.LIMIT_BODY,
    logger: false,
    // A request that arrives while stopping is still answered.
    return503OnClosing: false,
    requestTimeout: 15_000,
    connectionTimeout: 60_000,
    routerOptions: { maxParamLength: 1000, ignoreTrailingSlash: false },
    http: { maxHeaderSize: 16 * 1024, shouldUpgradeCallback: (request: IncomingMessage) => isWebSocket(request, adapter) },
    clientErrorHandler: refuseConnection,
    frameworkErrors: refuseRequest,
  };
  const adapter: FastifyAdapter = new FastifyAdapter(options);
  const fastify = adapter.getInstance() as unknown as FastifyInstance;
  readJson(fastify, config);
  countRoutes(fastify);
  // Called, not registered: its hook must run before the one that requires a token, which a preflight never has.
  if (config.CORS_ORIGINS.length > 0) cors(fastify, { ...crossOrigin, origin: [...config.CORS_ORIGINS] }, () => undefined);
  openContexts(fastify, parts);
  // A keep-alive connection would otherwise delay the stop until it times out.
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    if (health.draining) void reply.header('connection', 'close');
    done(null, payload);
  });
  return adapter;
}

/** JSON only, in valid UTF-8; an empty body counts as no body. */
function readJson(fastify: FastifyInstance, { LIMIT_BODY: bodyLimit, LIMIT_DEPTH: depth }: DoorParts['config']): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    const refuse = (detail: string, problem = 'invalid-json', code = problem): void =>
      done(new RequestRefused(400, problem, detail, { errors: [{ pointer: '#', detail, code }] }));
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(body as Buffer);
    } catch {
      return refuse('The body is not UTF-8.');
    }
    if (isDeeperThan(depth, text)) return refuse(`The body is nested deeper than ${depth}.`, 'invalid-request', 'too-deep');
    parse(request, text, (error, value) => (error ? refuse('The body is not JSON.') : done(null, value)));
  });
}

const routeOf = (request: FastifyRequest): string => request.routeOptions.url ?? 'unknown';

const idInPath = /\/v1\/(order|account)s\/([0-9a-f-]{36})(?![0-9a-f-])/;

/** The order and the account that a request names in its path or its body, and an order that it placed. */
function concernedBy(request: FastifyRequest, reply: FastifyReply): { accountId?: string; orderId?: string } {
  const { accountId } = (request.body ?? {}) as { readonly accountId?: unknown };
  const named = [request.url, String(reply.getHeader('location') ?? '')].flatMap((path) => {
    const [, kind, id] = idInPath.exec(path) ?? [];
    return isUuid(id) ? [[`${kind}Id`, id]] : [];
  });
  return { ...(isUuid(accountId) && { accountId }), ...Object.fromEntries(named) } as { accountId?: string; orderId?: string };
}

/** Metrics and the access log, by route pattern; every route's series exist from the start. */
function countRoutes(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) {
      if (each === 'HEAD' || each === 'OPTIONS') continue;
      for (const status of statusClasses) durations.zero({ method: each, route: url, status });
    }
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = routeOf(request);
    const { method } = request;
    const told = (): void => {
      durations.observe({ method, route, status: `${Math.trunc(reply.statusCode / 100)}xx` }, reply.elapsedTime / 1000);
      const ms = Math.round(reply.elapsedTime * 1000) / 1000;
      log.info({ method, route, status: reply.statusCode, ms, ...concernedBy(request, reply) }, 'answered');
    };
    if (request.work) request.work.runInAsyncScope(told);
    else told();
    done();
  });
}

/** The trace and correlation of a request; the caller's own id is kept when it is a UUID, as the store requires. */
function contextOf({ headers }: FastifyRequest): { correlationId: string; traceparent: string } {
  const asked = headers['x-correlation-id'];
  const above = headers['traceparent'];
  return {
    correlationId: typeof asked === 'string' && isUuid(asked) ? asked.toLowerCase() : freshId(),
    traceparent: activeTraceparent() ?? childTraceparent(typeof above === 'string' ? above : undefined),
  };
}

const tellContext = (reply: FastifyReply, { correlationId, traceparent }: ReturnType<typeof contextOf>): void =>
  void reply.headers({ 'x-correlation-id': correlationId, traceparent });

/** Whoever needs it awaits it; a database that is away fails only them. */
function epochOf(identity: DoorParts['identity']): Promise<string> {
  const epoch = identity ? identity.current().then((current) => current.epoch) : Promise.reject(new Error('no store'));
  epoch.catch(() => undefined);
  return epoch;
}

/**
 * Gives each request its context, then authenticates the caller and counts the request, before the body is read. Every
 * path is closed unless its route says `@Public()`, even paths without a route. The context is restored after the body
 * is read: its bytes arrive in the socket's context.
 */
function openContexts(fastify: FastifyInstance, parts: DoorParts): void {
  const { authenticator, rateLimits, people, identity, routeClasses, paths } = parts;
  const methods = new Methods(fastify, paths);
  const classOf = (request: FastifyRequest): RouteClass =>
    routeClasses[`${request.method} ${routeOf(request)}`] ?? (/^(GET|HEAD)$/.test(request.method) ? 'reads' : 'writes');
  fastify.addHook('onRequest', (request, reply, done) => {
    const context = contextOf(request);
    tellContext(reply, context);
    const enter = (fields: typeof context & { actor?: string }, error?: Error): void =>
      runInContext(fields, () => {
        request.work = new AsyncResource('HttpRequest');
        done(error);
      });
    const { open, needs } = request.routeOptions.config;
    if (open === true) return enter(context);
    const admit = async (): Promise<string> => {
      const caller = (request.caller = await authenticator.authenticate(request.headers.authorization));
      // Counted before it is permitted: otherwise a flood of forbidden requests would cost its sender nothing.
      reply.headers(await rateLimits.count(classOf(request), 'subject', caller.subject));
      authenticator.permit(caller, needs);
      request.epoch = epochOf(identity);
      if (!people) return caller.subject;
      const person = await people.personOf(caller.subject, caller.name);
      request.caller = { ...caller, person };
      return person;
    };
    admit().then(
      (actor) => enter({ ...context, actor }, methods.refusalOf(request)),
      (error: Error) => enter(context, error),
    );
  });
  fastify.addHook('preValidation', (request, _reply, done) => {
    if (!request.work || currentContext()) return done();
    request.work.runInAsyncScope(done);
  });
}
