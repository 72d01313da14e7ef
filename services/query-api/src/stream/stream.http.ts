import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { streamProtocol } from '@tradecore/api';
import { audit, rawProblem, RequestRefused, tokens, type Caller } from '@tradecore/service';
import { gauge, logger } from '@tradecore/telemetry';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { QueryConfig } from '../settings.ts';
import { Feeds } from './feeds.ts';
import { StreamCallers } from './stream-callers.ts';
import { StreamSocket } from './stream-socket.ts';

/** The most bytes in a client's message; a larger one closes the socket with 1009. */
const maxPayload = 16 * 1024;

const log = logger('stream');
const sockets = gauge({ name: 'tradecore_stream_sockets', help: 'Open WebSockets.' });

/** `GET /v1/stream`: a WebSocket for a client with a bearer token in a header, or a ticket as a subprotocol. */
@Injectable()
export class StreamHttp implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload,
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: (offered) => offered.has(streamProtocol) && streamProtocol,
  });
  #stopping = false;
  readonly #open = new Map<WebSocket, { readonly stream: StreamSocket; readonly subject: string }>();

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(StreamCallers) private readonly callers: StreamCallers,
    @Inject(Feeds) private readonly feeds: Feeds,
    @Inject(tokens.config) private readonly config: QueryConfig,
  ) {}

  onApplicationBootstrap(): void {
    const http = this.host.httpAdapter.getHttpServer() as Server;
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      void this.#upgrade(request, socket, head);
    });
    this.feeds.revocations.follow(({ accountId, subject }) => {
      for (const { stream, subject: whose } of this.#open.values()) if (whose === subject) stream.checkAccess(accountId);
    });
  }

  /** Closes every stream, so that clients reconnect to another instance; waits for them, at most the 2 s of a close. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping = true;
    // Not `once` of node:events: it rejects if the socket errors first, and the stop would fail.
    const gone = [...this.#open.keys()].map((client) => new Promise((resolve) => client.once('close', resolve)));
    for (const { stream } of this.#open.values()) stream.close('restart', 'the service is restarting; reconnect');
    await Promise.all(gone);
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    let subject: string | undefined;
    try {
      const caller = await this.#callerOf(request);
      ({ subject } = caller);
      // No await from here on: concurrent requests must not all find the last place free.
      this.#mustHaveRoom(caller);
      this.#server.handleUpgrade(request, socket, head, (client) => this.#take(client, caller, request));
    } catch (error) {
      if (!(error instanceof RequestRefused)) log.error({ err: error }, 'could not open a stream');
      // A client that never closes its end would block the server's close, and so the stop.
      socket.once('finish', () => socket.destroy());
      socket.end(rawProblem(error, request, subject));
    }
  }

  #callerOf({ url, headers }: IncomingMessage): Promise<Caller> {
    if (url?.split('?', 1)[0] === '/v1/stream') return this.callers.of(headers);
    throw new RequestRefused(404, 'no-such-route', 'There is no stream at this path.');
  }

  #mustHaveRoom({ subject }: Caller): void {
    const { STREAM_SOCKETS: all, STREAM_SOCKETS_PER_SUBJECT: each } = this.config;
    if (this.#stopping) throw busy('The service is restarting.');
    if (this.#open.size >= all) throw busy('This process is at its limit of open streams.');
    const own = [...this.#open.values()].filter((other) => other.subject === subject).length;
    if (own >= each) throw new RequestRefused(429, 'too-many-streams', `This subject already has ${each} open streams.`);
  }

  #take(client: WebSocket, caller: Caller, request: IncomingMessage): void {
    const { feeds, callers, config } = this;
    const parts = {
      ...{ feeds, callers, subscriptionsLimit: config.STREAM_SUBSCRIPTIONS_PER_SOCKET },
      refused: ({ status, code, more: { because } }: RequestRefused) => audit({ status, code, because }, request, caller.subject),
    };
    this.#open.set(client, { stream: new StreamSocket(client, caller, parts), subject: caller.subject });
    sockets.set(this.#open.size);
    client.on('close', () => {
      this.#open.delete(client);
      sockets.set(this.#open.size);
    });
  }
}

const busy = (detail: string) => new RequestRefused(503, 'stream-busy', detail, { headers: { 'retry-after': '1' } });
