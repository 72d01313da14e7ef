import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { openProxy, type Proxy } from './proxy.ts';

let doors: Server[];
let proxy: Proxy;
let address: string;

/** A door that answers with its name, what it was asked and what it was sent. */
async function openDoor(name: string): Promise<string> {
  const server = createServer(async (request, response) => {
    if (request.url === '/v1/small') return refuseBody(request, response);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.setHeader('location', '/v1/orders/1').setHeader('door', name);
    response.end(`${name} ${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`);
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (!request.headers.authorization) return void socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
    sockets.handleUpgrade(request, socket, head, (client) =>
      client.on('message', (data) => client.send(`${name} ${String(data)}`)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  doors.push(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers 413 as a service does: at once, before the body is read; Node.js reads the rest. */
function refuseBody(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(413, { 'content-type': 'application/problem+json' }).end('{"status":413}');
}

/** Sends bytes that no client would, and returns all that comes back until the connection ends. */
function sendRaw(bytes: string): Promise<string> {
  const socket = connect(Number(new URL(address).port), '127.0.0.1');
  socket.write(bytes);
  return text(socket);
}

beforeEach(async () => {
  doors = [];
  const commands = [await openDoor('command'), await openDoor('command-2')];
  const queries = [await openDoor('query')];
  proxy = await openProxy({ host: '127.0.0.1', port: 0, commands, queries, jwks: { keys: [] } });
  address = proxy.url;
});
afterEach(async () => {
  await proxy.close();
  for (const door of doors) door.closeAllConnections();
  await Promise.all(doors.map((door) => new Promise((resolve) => door.close(resolve))));
});

describe('the one address', () => {
  it('sends reads to query-api, with their query', async () => {
    expect(await (await fetch(`${address}/v1/orders?limit=2`)).text()).toBe('query GET /v1/orders?limit=2 ');
    expect((await fetch(`${address}/v1/orders/1`, { method: 'HEAD' })).headers.get('door')).toBe('query');
  });

  it('sends everything else to command-api, its instances in turn, body and headers as they are', async () => {
    const post = async () =>
      fetch(`${address}/v1/orders`, { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'x/y' } });
    const answers = await Promise.all([(await post()).text(), (await post()).text()]);
    expect(answers.sort()).toEqual(['command POST /v1/orders {"a":1}', 'command-2 POST /v1/orders {"a":1}'].sort());
    expect((await post()).headers.get('location')).toBe('/v1/orders/1');
  });

  it('hands a WebSocket through, its headers and its messages', async () => {
    const socket = new WebSocket(`${address.replace('http', 'ws')}/v1/stream`, { headers: { authorization: 'Bearer x' } });
    socket.on('open', () => socket.send('hello'));
    const answer = await new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
    expect(answer).toBe('query hello');
    socket.terminate();
  });

  it('passes on a request that was under way when it began to stop', async () => {
    const socket = connect(Number(new URL(address).port), '127.0.0.1');
    const answer = text(socket);
    socket.write('GET /v1/orders HTTP/1.1\r\nhost: x\r\n');
    await pause(50);
    const closing = proxy.close();
    await pause(20);
    socket.write('\r\n');
    expect((await answer).match(/HTTP\/1\.1 \d+|query GET \S+/g)).toEqual(['HTTP/1.1 200', 'query GET /v1/orders']);
    await closing;
  });

  it('hands the refusal of a WebSocket through as it was said', async () => {
    const socket = new WebSocket(`${address.replace('http', 'ws')}/v1/stream`);
    const message = await new Promise<string>((resolve) => socket.once('error', (error) => resolve(error.message)));
    expect(message).toBe('Unexpected server response: 401');
  });

  it('serves the keys that it was given', async () => {
    expect(await (await fetch(`${address}/.well-known/jwks.json`)).json()).toEqual({ keys: [] });
  });
});

describe('bad input to the one address', () => {
  it.each([
    ['%ff', 400, 'invalid-path'],
    ['%ED%A0%80', 400, 'invalid-path'],
    ['%', 400, 'invalid-path'],
    ['..%2f..%2fmetrics', 400, 'bad-request'],
  ])('answers a path with %s as a problem', async (part, status, code) => {
    for (const method of ['GET', 'POST']) {
      const response = await fetch(`${address}/v1/orders/${part}?limit=1`, { method });
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toEqual({
        type: `https://tradecore.dev/problems/${code}`,
        title: expect.stringMatching(/^[A-Z][a-z ]+$/),
        status,
        detail: expect.any(String),
        instance: `/v1/orders/${part}`,
      });
    }
  });

  it.each([
    ['broken HTTP', 'nonsense\r\n\r\n', 400, 'broken-http'],
    ['two lengths', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', 400, 'broken-http'],
    ['headers over 16 KiB', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(17_000)}\r\n\r\n`, 431, 'headers-too-large'],
    ['a method that no service knows', 'TRACE / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 404, 'no-such-route'],
  ])('answers %s as a problem', async (_, bytes, status, code) => {
    const [head = '', body = ''] = (await sendRaw(bytes)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('content-type: application/problem+json\r\n');
    expect(JSON.parse(body)).toMatchObject({ status, type: `https://tradecore.dev/problems/${code}`, instance: '/' });
  });

  const mebibyte = Buffer.alloc(1024 * 1024, 'x');
  const chunked = (): RequestInit => ({ body: new Blob([mebibyte]).stream(), duplex: 'half' }) as RequestInit;
  it.each([
    ['of a stated length', (): RequestInit => ({ body: mebibyte })],
    ['in chunks', chunked],
  ])('hands the 413 to 1 MiB %s through, and the next request is answered', async (_, body) => {
    for (let count = 0; count < 5; count += 1) {
      const response = await fetch(`${address}/v1/small`, { method: 'POST', ...body() });
      expect([response.status, await response.json()]).toEqual([413, { status: 413 }]);
    }
    expect((await fetch(`${address}/v1/orders`)).status).toBe(200);
  });

  it('sends a POST that offers HTTP/2 where it belongs', async () => {
    const head =
      'POST /v1/orders HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAAA';
    const answer = await sendRaw(`${head}\r\ncontent-length: 2\r\n\r\n{}`);
    expect(answer).toMatch(/^HTTP\/1.1 200 OK[^]*command(-2)? POST \/v1\/orders \{\}/);
  });
});

describe('while a door is away, the one address', () => {
  const problem = { type: 'https://tradecore.dev/problems/service-unavailable', status: 503, title: 'Service unavailable' };
  beforeEach(() => new Promise<void>((resolve) => doors[2]?.close(() => resolve())));

  it('answers its requests with 503 as a problem, and serves the other doors', async () => {
    const response = await fetch(`${address}/v1/orders?limit=2`);
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ ...problem, instance: '/v1/orders' });
    expect((await fetch(`${address}/v1/orders`, { method: 'POST' })).status).toBe(200);
  });

  it('answers the handshake of a stream in the same way', async () => {
    const socket = new WebSocket(`${address.replace('http', 'ws')}/v1/stream`);
    const response = await new Promise<IncomingMessage>((resolve) =>
      socket.once('unexpected-response', (_request, answer) => resolve(answer)),
    );
    expect([response.statusCode, response.headers['content-type']]).toEqual([503, 'application/problem+json']);
    expect(JSON.parse(await text(response))).toMatchObject({ ...problem, instance: '/v1/stream' });
  });
});
