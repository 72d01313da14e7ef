import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';

const maxPayload = 16 * 1024;
const socketsLimit = 500;
/** Milliseconds between pings; a socket that did not answer the last one is closed. */
const heartbeatMs = 15_000;

/** The handler of sockets at a path. */
export interface StreamRoute {
  readonly path: RegExp;
  readonly take: (socket: WebSocket) => void;
}

/** All WebSockets of the broker: accepts them, keeps them alive, cuts them when the broker becomes unavailable. */
export class Streams {
  readonly #server = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false });
  readonly #alive = new WeakSet<WebSocket>();
  readonly #beating: NodeJS.Timeout;

  constructor(
    http: Server,
    routes: readonly StreamRoute[],
    private readonly isAway: () => boolean,
  ) {
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      const path = request.url?.split('?', 1)[0] ?? '/';
      const route = routes.find((each) => each.path.test(path));
      if (this.isAway()) return void socket.destroy();
      if (!route) return void socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n');
      if (this.#server.clients.size >= socketsLimit) return void socket.end('HTTP/1.1 503 Busy\r\nconnection: close\r\n\r\n');
      this.#server.handleUpgrade(request, socket, head, (client) => this.#take(client, route));
    });
    this.#beating = setInterval(() => this.#beat(), heartbeatMs);
  }

  /** Cuts all connections at once, as a broken network does. */
  cut(): void {
    for (const client of this.#server.clients) client.terminate();
  }

  /** Closes all sockets; those that do not answer are cut after a second. */
  async stop(): Promise<void> {
    clearInterval(this.#beating);
    const gone = [...this.#server.clients].map((client) => once(client, 'close'));
    for (const client of this.#server.clients) client.close(1012, 'the broker is restarting');
    const late = setTimeout(() => this.cut(), 1000);
    await Promise.all(gone);
    clearTimeout(late);
  }

  #take(client: WebSocket, route: StreamRoute): void {
    this.#alive.add(client);
    client.on('pong', () => this.#alive.add(client));
    client.on('error', () => client.terminate());
    route.take(client);
  }

  #beat(): void {
    for (const client of this.#server.clients) {
      if (!this.#alive.delete(client)) client.terminate();
      else client.ping();
    }
  }
}
