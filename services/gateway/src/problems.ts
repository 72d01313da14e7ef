/*
 * The gateway's own refusals, as the problem documents (RFC 9457) that the services behind it send. They are written
 * out here because `npm start` opens the proxy before anything is built: it can't import @tradecore/service.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

interface Fault {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

/** The service for a request can't be reached. */
export const unavailable: Fault = {
  status: 503,
  code: 'service-unavailable',
  detail: 'The service behind this address does not answer. It is being restarted, or is about to be.',
};
/** A method that no service supports: the proxy has no route for it. */
export const noSuchRoute: Fault = {
  status: 404,
  code: 'no-such-route',
  detail: 'There is nothing at this path for this method.',
};
const invalidPath: Fault = { status: 400, code: 'invalid-path', detail: 'The path could not be read.' };
const brokenHttp: Fault = { status: 400, code: 'broken-http', detail: 'The request could not be read.' };
const brokenHttpBy: Record<string, Partial<Fault>> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'headers-too-large' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'request-timeout' },
};

const sentence = (code: string): string => code.charAt(0).toUpperCase() + code.slice(1).replaceAll('-', ' ');

/** Bytes, because Fastify adds a charset to text, and JSON types have none. */
function documentOf({ status, code, detail }: Fault, path: string): Buffer {
  const type = `https://tradecore.dev/problems/${code}`;
  return Buffer.from(JSON.stringify({ type, title: sentence(code), status, detail, instance: path.split('?', 1)[0] }));
}

/** Sends a fault as a problem document. */
export function sendFault(fault: Fault, { url }: Pick<FastifyRequest, 'url'>, reply: FastifyReply): void {
  if (fault.status === 503) void reply.header('retry-after', '1');
  void reply.code(fault.status).header('content-type', 'application/problem+json').send(documentOf(fault, url));
}

/**
 * Answers an error of Fastify, its router or the proxy: unreadable paths are the caller's fault, anything else is ours.
 */
export function refuseRequest(
  error: Error & { readonly statusCode?: number; readonly code?: string },
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { statusCode: status = 500, code, message } = error;
  if (error instanceof URIError || code === 'FST_ERR_BAD_URL') return sendFault(invalidPath, request, reply);
  if (status < 500) return sendFault({ status, code: 'bad-request', detail: message }, request, reply);
  sendFault({ status: 500, code: 'internal-error', detail: 'This is a fault of the gateway.' }, request, reply);
}

/** Answers a parser error or a timeout of Node.js's HTTP server, before there is a request. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy();
  endWith({ ...brokenHttp, ...brokenHttpBy[error.code ?? ''] }, '/', socket);
}

/** Writes a fault as a complete HTTP/1.1 answer if there is no reply object, and ends the connection. */
export function endWith(fault: Fault, path: string, socket: Socket): void {
  const body = documentOf(fault, path);
  const head = [
    `HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status]}`,
    'content-type: application/problem+json',
    `content-length: ${body.length}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body.toString()}`);
}
