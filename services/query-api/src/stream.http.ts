import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Authenticator, Health, rawProblem, RequestRefused, type Caller } from '@tradecore/service';
import { gauge, logger } from '@tradecore/telemetry';
import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { Feeds } from './feeds.ts';
import { StreamSocket } from './stream-socket.ts';

/** Open sockets of this process, and of one subject in it, at most. */
const socketsLimit = 2000;
const socketsOfSubjectLimit = 20;
/** Bytes of a client's message, at most; more closes the socket with 1009. */
const maxPayload = 16 * 1024;

const log = logger('stream');
const sockets = gauge({ name: 'stream_sockets', help: 'Open WebSockets.' });

/**
 * `GET /v1/stream`: a WebSocket for those who send a bearer token in the header. Browsers can't, so no page of another origin can open one
 * in its visitor's name, and there is no Origin to check.
 */
@Injectable()
export class StreamHttp implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #server = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false, clientTracking: false });
  readonly #open = new Map<WebSocket, { readonly stream: StreamSocket; readonly subject: string }>();

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(Health) private readonly health: Health,
    @Inject(Feeds) private readonly feeds: Feeds,
  ) {}

  onApplicationBootstrap(): void {
    const http = this.host.httpAdapter.getHttpServer() as Server;
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      this.#admit(request).then(
        (caller) => this.#server.handleUpgrade(request, socket, head, (client) => this.#take(client, caller)),
        (error: unknown) => this.#refuse(error, request, socket),
      );
    });
  }

  /** Closes every stream so that clients connect to another instance; waits for the last one, at most the 2 s of a close. */
  async beforeApplicationShutdown(): Promise<void> {
    const gone = [...this.#open.keys()].map((client) => once(client, 'close'));
    for (const { stream } of this.#open.values()) stream.close('restart', 'the service restarts; connect again');
    await Promise.all(gone);
  }

  async #admit(request: IncomingMessage): Promise<Caller> {
    if (request.url?.split('?', 1)[0] !== '/v1/stream') {
      throw new RequestRefused(404, 'no-such-route', 'There is no stream at this path.');
    }
    const caller = await this.authenticator.admit(request.headers.authorization, 'read');
    if (this.health.draining) throw busy('The service restarts.');
    if (this.#open.size >= socketsLimit) throw busy('This process has as many streams as it can serve.');
    const own = [...this.#open.values()].filter(({ subject }) => subject === caller.subject).length;
    if (own < socketsOfSubjectLimit) return caller;
    throw new RequestRefused(429, 'too-many-streams', `There are ${socketsOfSubjectLimit} open streams of this subject.`);
  }

  #refuse(error: unknown, request: IncomingMessage, socket: Duplex): void {
    if (!(error instanceof RequestRefused)) log.error({ err: error }, 'a stream could not be opened');
    socket.end(rawProblem(error, request));
  }

  #take(client: WebSocket, caller: Caller): void {
    this.#open.set(client, { stream: new StreamSocket(client, caller, this.feeds), subject: caller.subject });
    sockets.set(this.#open.size);
    client.on('close', () => {
      this.#open.delete(client);
      sockets.set(this.#open.size);
    });
  }
}

const busy = (detail: string) => new RequestRefused(503, 'stream-busy', detail, { headers: { 'retry-after': '1' } });
