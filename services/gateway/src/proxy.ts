import proxy from '@fastify/http-proxy';
import Fastify, { type FastifyReply } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { endWith, noSuchRoute, refuseConnection, refuseRequest, sendFault, unavailable } from './problems.ts';

/** Where the proxy listens, and the base URLs of the doors behind it; several where a door has several instances. */
export interface ProxyOptions {
  readonly host: string;
  readonly port: number;
  readonly commands: readonly string[];
  readonly queries: readonly string[];
  /** Answers `GET /.well-known/jwks.json` with these; without them, query-api is asked, which has none. */
  readonly jwks?: object;
}

/** The one address in front of the fleet. */
export interface Proxy {
  /** Base URL. */
  readonly url: string;
  /** Ends streams and idle connections, and waits for the requests in flight. */
  readonly close: () => Promise<void>;
}

/**
 * Opens the one address: reads and the stream go to query-api, everything else to command-api, instances in turn. It
 * knows nothing else: no tokens, no bodies.
 */
export async function openProxy({ host, port, jwks, ...doors }: ProxyOptions): Promise<Proxy> {
  const app = Fastify({
    logger: false,
    forceCloseConnections: 'idle',
    // A request that arrives while stopping is still passed on.
    return503OnClosing: false,
    requestTimeout: 15_000,
    // Java's client asks every plain-text server for HTTP/2 by an Upgrade header: that is no stream, and a POST of it
    // no read.
    http: { maxHeaderSize: 16 * 1024, shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket' },
    clientErrorHandler: refuseConnection,
    frameworkErrors: refuseRequest,
  });
  app.setErrorHandler(refuseRequest);
  app.setNotFoundHandler((request, reply) => sendFault(noSuchRoute, request, reply));
  const next = inTurn(doors);
  if (jwks) app.get('/.well-known/jwks.json', () => jwks);
  await app.register(proxy, {
    upstream: '',
    internalRewriteLocationHeader: false,
    replyOptions: {
      getUpstream: ({ method, url }) => next(method, url ?? '/'),
      // What a service says of its own connection (RFC 9110, 7.6.1) is not true of the client's: `Connection: close` of
      // a client is kept.
      rewriteHeaders: ({ connection: _, 'keep-alive': __, ...headers }) => headers,
      onError: (reply) => sendFault(unavailable, reply.request, reply as FastifyReply),
    },
  });
  const tunnels = new Set<Socket>();
  app.server.on('upgrade', (request, socket, head) => {
    const { hostname, port: doorPort } = new URL(next('GET', request.url ?? '/'));
    const upstream = connect(Number(doorPort || 80), hostname);
    for (const end of [socket as Socket, upstream]) tunnels.add(end.on('close', () => tunnels.delete(end)));
    tunnel({ request, head, client: socket as Socket, upstream });
  });
  const url = await app.listen({ port, host });
  return {
    url,
    close: async () => {
      for (const socket of tunnels) socket.destroy();
      await app.close();
    },
  };
}

/** Says which door serves a request. */
function inTurn({ commands, queries }: Pick<ProxyOptions, 'commands' | 'queries'>): (method: string, url: string) => string {
  let turn = 0;
  return (method, url) => {
    const reads = method === 'GET' || method === 'HEAD' || url.startsWith('/v1/stream');
    const urls = reads ? queries : commands;
    turn = (turn + 1) % 1_000_000;
    return urls[turn % urls.length] ?? '';
  };
}

/**
 * A WebSocket's connection is handed through byte for byte, so that a refusal of the handshake arrives as it was said.
 */
function tunnel({
  request,
  head,
  client,
  upstream,
}: {
  request: IncomingMessage;
  head: Buffer;
  client: Socket;
  upstream: Socket;
}): void {
  const { method, url, rawHeaders } = request;
  const headers = rawHeaders.flatMap((text, index) => (index % 2 === 0 ? `${text}: ${rawHeaders[index + 1]}` : []));
  for (const socket of [client, upstream]) {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => {
      finish(client);
      finish(upstream);
    });
  }
  const refuse = (): void => endWith(unavailable, url ?? '/', client);
  upstream.once('error', refuse);
  upstream.once('connect', () => {
    upstream.off('error', refuse);
    upstream.write([`${method} ${url} HTTP/1.1`, ...headers, '', ''].join('\r\n'));
    upstream.write(head);
    upstream.pipe(client).pipe(upstream);
  });
}

/** Closes a socket once what was written to it is sent, for that may be a refusal; 5 s at most. */
function finish(socket: Socket): void {
  socket.setTimeout(5000, () => socket.destroy());
  socket.destroySoon();
}
