import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import { openGateway, type Gateway } from '../src/gateway.ts';
import { homeAt } from '../src/home.ts';
import { LocalIssuer } from '../src/issuer.ts';
import { choosePorts } from '../src/ports.ts';

let folder: string;
let doors: Server[];
let gateway: Gateway;
let address: string;

/** A door that answers with its name, what it was asked and what it was sent. */
async function openDoor(name: string): Promise<number> {
  const server = createServer(async (request, response) => {
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
  return (server.address() as AddressInfo).port;
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gateway-'));
  doors = [];
  const home = homeAt(folder);
  const commands = [await openDoor('command'), await openDoor('command-2')];
  const queries = [await openDoor('query')];
  const { gateway: port = 0 } = await choosePorts(home, { gateway: 0 });
  address = `http://127.0.0.1:${port}`;
  gateway = await openGateway(port, await LocalIssuer.open(home), { commands, queries });
});
afterEach(async () => {
  await gateway.close();
  for (const door of doors) door.closeAllConnections();
  await Promise.all(doors.map((door) => new Promise((resolve) => door.close(resolve))));
  rmSync(folder, { recursive: true });
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

  it('answers 503 as a problem while a door is away', async () => {
    await new Promise((resolve) => doors[2]?.close(resolve));
    const response = await fetch(`${address}/v1/orders`);
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ status: 503, title: 'Service unavailable' });
  });

  it('hands a WebSocket through, its headers and its messages', async () => {
    const socket = new WebSocket(`${address.replace('http', 'ws')}/v1/stream`, { headers: { authorization: 'Bearer x' } });
    socket.on('open', () => socket.send('hello'));
    const answer = await new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
    expect(answer).toBe('query hello');
    socket.terminate();
  });

  it('hands the refusal of a WebSocket through as it was said', async () => {
    const socket = new WebSocket(`${address.replace('http', 'ws')}/v1/stream`);
    const message = await new Promise<string>((resolve) => socket.once('error', (error) => resolve(error.message)));
    expect(message).toBe('Unexpected server response: 401');
  });

  it('serves the keys of the local issuer, the public half only', async () => {
    const { keys } = (await (await fetch(`${address}/.well-known/jwks.json`)).json()) as { keys: Record<string, string>[] };
    expect(Object.keys(keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });
});
