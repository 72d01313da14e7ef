import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { Body, Controller, Get, Module, Param, Post, Query } from '@nestjs/common';
import { DomainError } from '@tradecore/event-sourcing';
import { currentContext, type WorkContext } from '@tradecore/telemetry';
import { z } from 'zod';
import { CallerOf, OperatorsOnly, Public, validated, type Caller, type Problem, type RunningService } from '../index.ts';
import { createTestIssuer, startTestService, type TestIssuer } from '../testing.ts';

class NotOpen extends DomainError {
  readonly code = 'order-not-open';
  readonly kind = 'refused';
}
class Full extends DomainError {
  readonly code = 'store-busy';
  readonly kind = 'busy';
}

const account = '0190a6e0-0000-7000-8000-00000000acc0';

@Controller('v1')
class Echo {
  @Get('me')
  me(@CallerOf() caller: Caller): { caller: Caller; context: WorkContext | undefined } {
    return { caller, context: currentContext() };
  }
  @Post('echo')
  echo(@Body(validated(z.strictObject({ text: z.string().max(60_000) }))) body: object): object {
    return { body, context: currentContext() };
  }
  @Get('things/:id')
  thing(
    @Param(validated(z.strictObject({ id: z.string().max(40) }), 'path')) path: object,
    @Query(validated(z.strictObject({ limit: z.coerce.number().max(5).optional() }), 'query')) query: object,
  ): object {
    return { path, query };
  }
  @Get('fail/:how')
  fail(@Param('how') how: string): never {
    if (how === 'refused')
      throw new NotOpen('the order is not open', { status: 'filled', errors: [{ pointer: '#/x', detail: 'd', code: 'c' }] });
    if (how === 'busy') throw new Full('later');
    throw new Error('connect postgres://me:hunter2@db/x failed');
  }
  @OperatorsOnly()
  @Post('lever')
  lever(@CallerOf() { role }: Caller): object {
    return { role };
  }
  @Public()
  @Get('open')
  open(): object {
    return { open: true };
  }
}

@Module({ controllers: [Echo] })
class EchoModule {}

const origin = 'https://app.example.com';
let issuer: TestIssuer;
let service: RunningService;
let token: string;

beforeAll(async () => {
  issuer = await createTestIssuer();
  const paths = { '/v1/other/{id}': ['POST'] };
  service = await startTestService(
    { name: 'echo', module: EchoModule, uses: [], http: true, paths },
    { ...issuer.env, CORS_ORIGINS: origin },
  );
  token = await issuer.token({ accounts: [account], subject: 'alice' });
});
afterAll(async () => {
  await service?.stop();
  await issuer?.close();
});

const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${service.url}${path}`, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });
const post = (body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> =>
  ask('/v1/echo', { method: 'POST', body: body as string, headers: { 'content-type': 'application/json', ...headers } });

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = (await response.json()) as Problem;
  expect(problem).toMatchObject({ status: response.status, traceId: expect.stringMatching(/^[0-9a-f]{32}$/) });
  expect(problem.type).toMatch(/^https:\/\/tradecore\.dev\/problems\/[a-z-]+$/);
  return problem;
}
const codeOf = async (response: Response): Promise<string> => (await problemOf(response)).type.split('/').at(-1) ?? '';

describe('the context of a request', () => {
  it('has the caller as actor and the correlation and trace that were sent, and returns them in the answer', async () => {
    const correlation = '0190a6e0-0000-7000-8000-000000000001';
    const headers = { 'x-correlation-id': correlation, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
    const response = await ask('/v1/me', { headers });
    expect(await response.json()).toMatchObject({
      caller: { subject: 'alice', accounts: [account], role: 'client' },
      context: { actor: 'alice', correlationId: correlation, traceparent: expect.stringContaining('a'.repeat(32)) },
    });
    expect(response.headers.get('x-correlation-id')).toBe(correlation);
    expect(response.headers.get('traceparent')).toContain('a'.repeat(32));
  });

  it('is still there after a body that arrives in pieces', async () => {
    const { port } = new URL(service.url ?? '');
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'x-correlation-id': account };
    const request = httpRequest({ port, path: '/v1/echo', method: 'POST', headers });
    request.write('{"text":');
    setTimeout(() => request.end('"x"}'), 20);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    expect(JSON.parse(text)).toMatchObject({ body: { text: 'x' }, context: { correlationId: account, actor: 'alice' } });
  });

  it('gets a new correlation id when the given one is not a UUID', async () => {
    const response = await ask('/v1/me', { headers: { 'x-correlation-id': 'drop table', traceparent: 'rubbish' } });
    expect(response.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('a token', () => {
  const withToken = (value: string) => ask('/v1/me', { headers: { authorization: value } });

  it.each([
    ['expired', { expiresIn: -10 }, 'expired-token'],
    ['signed with a foreign key', { foreignKey: true }, 'invalid-token'],
    ['from another issuer', { issuer: 'https://evil.example/' }, 'invalid-token'],
    ['for another audience', { audience: 'other' }, 'invalid-token'],
    ['of another type', { typ: 'JWT' }, 'invalid-token'],
    ['with an unknown role', { role: 'root' }, 'invalid-token'],
    ['with accounts that are not ids', { accounts: ['all'] }, 'invalid-token'],
  ])('%s is refused', async (_, options, code) => {
    const response = await withToken(`Bearer ${await issuer.token(options)}`);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_token"/);
    expect(await codeOf(response)).toBe(code);
  });

  it.each(['', 'Basic YTpi', 'Bearer', 'Bearer a.b', 'Bearer a.b.c', `Bearer ${'x'.repeat(4000)}`])(
    'is missing or invalid: %p',
    async (value) => {
      const response = await withToken(value);
      expect(response.status).toBe(401);
      await problemOf(response);
    },
  );

  it('that is unsigned (alg none) or signed with the public key as a secret is refused', async () => {
    const [, payload] = token.split('.');
    for (const alg of ['none', 'HS256']) {
      const header = Buffer.from(JSON.stringify({ alg, typ: 'at+jwt' })).toString('base64url');
      expect((await withToken(`Bearer ${header}.${payload}.c2ln`)).status).toBe(401);
    }
  });

  it('is required on every path except public ones, before the body is read', async () => {
    const bare = await fetch(`${service.url}/v1/echo`, {
      method: 'POST',
      body: '{broken',
      headers: { 'content-type': 'application/json' },
    });
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(await codeOf(bare)).toBe('missing-token');
    expect((await fetch(`${service.url}/v1/nowhere`)).status).toBe(401);
    expect((await fetch(`${service.url}/v1/open`)).status).toBe(200);
  });

  it('opens a route for operators only if it is an operator’s, whatever the body', async () => {
    const pull = (authorization: Record<string, string>, body = '{broken') =>
      fetch(`${service.url}/v1/lever`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...authorization },
      });
    const client = await pull({ authorization: `Bearer ${token}` });
    expect([client.status, await problemOf(client)]).toMatchObject([
      403,
      { type: 'https://tradecore.dev/problems/operators-only', errors: [{ pointer: '#/authorization', in: 'header' }] },
    ]);
    expect((await pull({})).status).toBe(401);
    const operator = { authorization: `Bearer ${await issuer.token({ role: 'operator' })}` };
    expect((await pull(operator)).status).toBe(400);
    expect(await (await pull(operator, '{}')).json()).toEqual({ role: 'operator' });
  });

  it('cannot be verified while the keys are unavailable: 503, not 401', async () => {
    const lonely = await startTestService(
      { name: 'echo', module: EchoModule, uses: [], http: true },
      { ...issuer.env, JWT_JWKS_URL: 'http://127.0.0.1:9/jwks.json' },
    );
    const response = await fetch(`${lonely.url}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
    await lonely.stop();
    expect([response.status, await codeOf(response)]).toEqual([503, 'token-keys-unavailable']);
  });
});

describe('a problem', () => {
  it('reports a domain refusal with its code, fields and extensions', async () => {
    const response = await ask('/v1/fail/refused?secret=1');
    expect(response.status).toBe(409);
    expect(await problemOf(response)).toMatchObject({
      type: 'https://tradecore.dev/problems/order-not-open',
      title: 'Order not open',
      detail: 'the order is not open',
      instance: '/v1/fail/refused',
      errors: [{ pointer: '#/x' }],
    });
  });

  it('that is temporary says when to retry', async () => {
    const response = await ask('/v1/fail/busy');
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  });

  it('of the service itself reveals no internals', async () => {
    const response = await ask('/v1/fail/bug');
    expect(response.status).toBe(500);
    expect(JSON.stringify(await problemOf(response))).not.toMatch(/hunter2|postgres|stack/);
  });

  it.each([
    ['a path without a route', () => ask('/v1/nowhere'), 404, 'no-such-route'],
    ['a method that the path does not support', () => ask('/v1/me', { method: 'DELETE' }), 405, 'method-not-allowed'],
    ['a method of the path that another door serves', () => ask('/v1/other/7', { method: 'POST' }), 404, 'no-such-route'],
    ['an Accept of HTML only', () => ask('/v1/me', { headers: { accept: 'text/html' } }), 406, 'not-acceptable'],
    ['an Accept without JSON', () => ask('/v1/me', { headers: { accept: '*/*, application/json;q=0' } }), 406, 'not-acceptable'],
    ['an Accept without JSON, at a write', () => post('{}', { accept: 'application/problem+json' }), 406, 'not-acceptable'],
    ['broken JSON', () => post('{"text":'), 400, 'invalid-json'],
    ['JSON that is not UTF-8', () => post(Buffer.from([0x22, 0xff, 0x22])), 400, 'invalid-json'],
    ['__proto__', () => post('{"text":"x","__proto__":{"a":1}}'), 400, 'invalid-json'],
    ['a body of another type', () => post('<a/>', { 'content-type': 'text/xml' }), 415, 'unsupported-media-type'],
    ['a form', () => post('a=1', { 'content-type': 'application/x-www-form-urlencoded' }), 415, 'unsupported-media-type'],
    ['a body of 1 MiB', () => post(`{"text":"${'x'.repeat(1024 * 1024)}"}`), 413, 'body-too-large'],
    ['an empty body', () => post(''), 400, 'invalid-request'],
    ['a path that is not UTF-8', () => ask('/v1/things/%ff'), 400, 'invalid-path'],
    ['U+0000 in the path', () => ask('/v1/things/a%00b'), 400, 'invalid-request'],
    ['U+0000 in the query', () => ask('/v1/things/a?limit=%00'), 400, 'invalid-request'],
    ['an unknown query parameter', () => ask('/v1/things/a?size=1'), 400, 'invalid-request'],
    ['a parameter given twice', () => ask('/v1/things/a?limit=1&limit=2'), 400, 'invalid-request'],
    ['a lone surrogate in a body', () => post('{"text":"\\ud800"}'), 400, 'invalid-request'],
  ])('answers %s', async (_, send, status, code) => {
    const response = await send();
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
  });

  it('of a wrong method names the supported ones, including those of other doors', async () => {
    const allowed = async (method: string, path: string) => (await ask(path, { method })).headers.get('allow');
    expect(await allowed('PUT', '/v1/me?x=1')).toBe('GET, HEAD');
    expect(await allowed('PATCH', '/v1/echo')).toBe('POST');
    expect(await allowed('GET', '/v1/other/7')).toBe('POST');
    expect(await allowed('DELETE', '/v1/other')).toBeNull();
  });

  it('is not the answer to a client that accepts JSON among others', async () => {
    const takes = [
      'application/json',
      'text/html, */*;q=0.1',
      'application/*; q=0.5',
      'text/html;q=0, Application/JSON;charset=utf-8',
      '',
    ];
    const statuses = await Promise.all(takes.map(async (accept) => (await ask('/v1/me', { headers: { accept } })).status));
    expect(statuses).toEqual(takes.map(() => 200));
  });

  it('of a too large body arrives although not all of it was read, and the connection stays open', async () => {
    const socket = connect(Number(new URL(service.url ?? '').port), '127.0.0.1');
    const size = 1024 * 1024;
    const head = `POST /v1/echo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${size}`;
    socket.write(`${head}\r\n\r\n${' '.repeat(size)}GET /v1/open HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect([...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status)).toEqual(['413', '200']);
  });

  it('answers input that is not HTTP, and closes the connection', async () => {
    const socket = connect(Number(new URL(service.url ?? '').port), '127.0.0.1');
    socket.write('GARBAGE\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('application/problem+json');
  });
});

describe('the admin door', () => {
  it('has health and metrics, by route pattern and initialised to zero', async () => {
    await ask('/v1/things/1');
    expect((await fetch(`${service.adminUrl}/health/live`)).status).toBe(200);
    expect(await (await fetch(`${service.adminUrl}/health/ready`)).json()).toEqual({ ready: true, draining: false, checks: [] });
    const text = await (await fetch(`${service.adminUrl}/metrics`)).text();
    expect(text).toMatch(
      /^tradecore_http_request_duration_seconds_count\{method="GET",route="\/v1\/things\/:id",status="2xx"\} [1-9]/m,
    );
    expect(text).toContain('tradecore_http_request_duration_seconds_count{method="POST",route="/v1/echo",status="5xx"} 0');
    expect(text).toMatch(/tradecore_auth_refusals_total\{reason="expired"\} [1-9]/);
    expect(text).toContain('nodejs_eventloop_lag_seconds');
  });

  it('changes the log level', async () => {
    const change = (level: string) => fetch(`${service.adminUrl}/log-level?level=${level}`, { method: 'PUT' });
    expect((await change('fatal')).status).toBe(200);
    expect((await change('shout')).status).toBe(400);
  });

  it('refuses to change it over a network or from a browser page; any client that reaches it reads health and metrics', async () => {
    const open = await startTestService(
      { name: 'echo', module: EchoModule, uses: [], http: true },
      { ...issuer.env, ADMIN_HOST: '0.0.0.0' },
    );
    const { port } = new URL(open.adminUrl);
    const status = async (host: string, method: string, path: string, headers = {}): Promise<number | undefined> => {
      const request = httpRequest({ host, port, path, method, headers }).end();
      return ((await once(request, 'response')) as [IncomingMessage])[0].statusCode;
    };
    const level = '/log-level?level=error';
    expect(await status('127.0.0.1', 'PUT', level, { host: 'evil.example' })).toBe(403);
    const outside = Object.values(networkInterfaces()).flat();
    const address = outside.find((each) => each?.family === 'IPv4' && !each.internal)?.address ?? '127.0.0.2';
    expect(await status(address, 'PUT', level)).toBe(403);
    expect(await status(address, 'GET', '/metrics')).toBe(200);
    expect(await status('127.0.0.1', 'PUT', level)).toBe(200);
    await open.stop();
  });

  it('listens on the loopback interface unless configured otherwise, wherever the other door listens', async () => {
    const wide = await startTestService(
      { name: 'echo', module: EchoModule, uses: [], http: true },
      { ...issuer.env, HOST: '0.0.0.0' },
    );
    expect(wide.adminUrl).toMatch(/^http:\/\/127\.0\.0\.1:/);
    await wide.stop();
  });
});

describe('a page of another origin', () => {
  const preflight = (from: string) =>
    ask('/v1/echo', {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,idempotency-key',
      },
    });

  it('may call if it is listed: the preflight needs no token, and the page can read the answer', async () => {
    const { status, headers } = await preflight(origin);
    expect([status, headers.get('access-control-allow-origin')]).toEqual([204, origin]);
    expect(headers.get('access-control-allow-headers')).toContain('idempotency-key');
    expect(headers.get('access-control-allow-methods')).toContain('DELETE');
    expect(headers.has('access-control-allow-credentials')).toBe(false);
    const me = await ask('/v1/me', { headers: { origin, authorization: `Bearer ${token}` } });
    expect(me.status).toBe(200);
    expect(me.headers.get('access-control-expose-headers')).toContain('consistency-token');
    // Refusals too: otherwise the page could not tell a bad token from a broken connection.
    const refused = await ask('/v1/me', { headers: { origin, authorization: 'Bearer x.y.z' } });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, origin]);
  });

  it('gets no CORS headers if it is not listed', async () => {
    for (const foreign of ['https://evil.example', `${origin}.evil.example`, 'null']) {
      expect((await preflight(foreign)).headers.has('access-control-allow-origin')).toBe(false);
      expect((await ask('/v1/me', { headers: { origin: foreign } })).headers.has('access-control-allow-origin')).toBe(false);
    }
  });
});
