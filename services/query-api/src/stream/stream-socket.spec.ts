import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { heartbeatInterval, StreamSocket } from './stream-socket.ts';
import type { ServerMessage } from '@tradecore/api';
import type { RequestRefused } from '@tradecore/service';

/** Real sockets; only the clock of intervals is fake. */
describe('a stream', () => {
  let server: WebSocketServer;
  let client: WebSocket;
  let heard: ServerMessage[];
  let refused: RequestRefused[];

  beforeEach(async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'queueMicrotask', 'performance', 'Date'] });
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const caller = { subject: 'me', accounts: [], role: 'client', scopes: ['read'], expiresAt: Date.now() + 60_000 } as const;
    refused = [];
    const parts = { feeds: { access: { may: async () => false } }, refused: (refusal: RequestRefused) => refused.push(refusal) };
    server.on('connection', (socket) => new StreamSocket(socket, caller, parts as never));
    client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    heard = [];
    client.on('message', (data) => heard.push(JSON.parse(String(data)) as ServerMessage));
    await once(client, 'open');
  });
  afterEach(async () => {
    client.terminate();
    await new Promise((resolve) => server.close(resolve));
    jest.useRealTimers();
  });

  it('reports what it refuses, and for which account, to the log', async () => {
    const accountId = '0190a6e0-0000-7000-8000-00000000acc0';
    client.send(JSON.stringify({ type: 'subscribe', accountId }));
    await once(client, 'message');
    expect(heard).toMatchObject([{ type: 'problem', code: 'account-not-found' }]);
    expect(refused).toMatchObject([{ status: 404, code: 'account-not-found', more: { because: `account ${accountId}` } }]);
  });

  it('sends a heartbeat every 15 s to a client that answers', async () => {
    const [socket] = [...server.clients];
    for (let beat = 1; beat <= 3; beat += 1) {
      const answered = Promise.all([once(socket as WebSocket, 'pong'), once(client, 'message')]);
      jest.advanceTimersByTime(heartbeatInterval);
      await answered;
      expect(heard.map(({ type }) => type)).toEqual(Array<string>(beat).fill('heartbeat'));
    }
    expect(heartbeatInterval).toBe(15_000);
  });

  it('ends the socket of a client that did not answer the last ping', async () => {
    const [socket] = [...server.clients];
    client.pause();
    jest.advanceTimersByTime(heartbeatInterval);
    expect(socket?.readyState).toBe(WebSocket.OPEN);
    const closed = once(socket as WebSocket, 'close');
    jest.advanceTimersByTime(heartbeatInterval);
    await closed;
  });
});
