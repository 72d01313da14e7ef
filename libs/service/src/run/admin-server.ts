import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  collectProcessMetrics,
  logger,
  metricsPage,
  metricsPageType,
  setLogLevel,
  stuckLoops,
  type LogLevel,
} from '@tradecore/telemetry';
import { audit } from '../door/audit.ts';
import type { Health } from './health.ts';

/** Where the admin door listens. */
export interface AdminServer {
  readonly url: string;
  close(): Promise<void>;
}

const levels: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
const log = logger('admin');

function answer(response: ServerResponse, status: number, body: unknown, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(typeof body === 'string' ? body : `${JSON.stringify(body)}\n`);
}

const loopback: readonly (string | undefined)[] = ['127.0.0.1', '::1', '::ffff:127.0.0.1'];

/**
 * A client on this machine, or in this pod through `kubectl port-forward`; not a page in a browser, which sends a host
 * of its own, and not requests forwarded by a proxy beside the process.
 */
const isFromHere = ({ socket, headers }: IncomingMessage): boolean =>
  loopback.includes(socket.remoteAddress) && /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(headers.host ?? '');

/**
 * The routes: path and method to handler. No tokens here: any client that reaches the port may read; changes require
 * more.
 */
function routes(health: Health): Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>> {
  const started = new Date().toISOString();
  return {
    // An answer proves that the event loop runs. Databases and brokers do not count, since a restart would not fix
    // them; a loop iteration that neither ends nor fails does.
    'GET /health/live': async (_, response) => {
      const stuck = stuckLoops();
      answer(response, stuck.length === 0 ? 200 : 503, { live: stuck.length === 0, started, stuck });
    },
    'GET /health/ready': async (_, response) => {
      const report = await health.report();
      answer(response, report.ready ? 200 : 503, report);
    },
    'GET /metrics': async (_, response) => answer(response, 200, await metricsPage(), metricsPageType),
    'PUT /log-level': async (request, response) => {
      if (!isFromHere(request)) {
        audit({ status: 403, code: 'loopback-only' }, request);
        return answer(response, 403, { error: 'the log level can be changed over the loopback interface only' });
      }
      const level = new URL(request.url ?? '/', 'http://admin').searchParams.get('level') ?? '';
      if (!levels.includes(level)) return answer(response, 400, { error: `level must be one of ${levels.join(', ')}` });
      setLogLevel(level as LogLevel);
      log.warn({ to: level }, 'the log level was changed');
      answer(response, 200, { level });
    },
  };
}

/**
 * Opens the admin door: liveness, readiness, metrics, log level (`PUT /log-level?level=debug`). Port 0 takes a free
 * one.
 */
export async function openAdminServer(health: Health, host: string, port: number): Promise<AdminServer> {
  collectProcessMetrics();
  const table = routes(health);
  const server: Server = createServer({ requestTimeout: 5000, maxHeaderSize: 8192 }, (request, response) => {
    const handle = table[`${request.method} ${request.url?.split('?', 1)[0]}`];
    if (!handle) return answer(response, 404, { error: `no such route; available: ${Object.keys(table).join(', ')}` });
    handle(request, response).catch((error: unknown) => answer(response, 500, { error: String(error) }));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const { address, port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${address.includes(':') ? `[${address}]` : address}:${taken}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
