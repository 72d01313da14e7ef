import type { IncomingMessage } from 'node:http';
import { logger } from '@tradecore/telemetry';

/** The answer; `because` is for the log only. */
export interface Refusal {
  readonly status: number;
  /** Stable, for searching. */
  readonly code: string;
  readonly because?: string | undefined;
  /** The rule that denied an order. */
  readonly rule?: unknown;
}

/**
 * Missing rights, foreign or missing resources, conflicts. Malformed requests (400, 413, 415) are in the access log
 * only.
 */
const audited: readonly number[] = [401, 403, 404, 409, 412, 422, 428, 429];
/** Maximum characters kept of client text. */
const textLimit = 500;

const log = logger('audit');

/**
 * One line for each refusal: the caller and what was refused. `address` is the peer of the connection; `forwardedFor`
 * is what a proxy in front says, unchecked.
 */
export function audit(refusal: Refusal, { method, url = '/', headers, socket }: IncomingMessage, subject?: string): void {
  if (!audited.includes(refusal.status)) return;
  const forwardedFor = headers['x-forwarded-for']?.slice(0, textLimit);
  const path = url.split('?', 1)[0]?.slice(0, textLimit);
  log.info({ subject, address: socket.remoteAddress, forwardedFor, method, path, ...refusal }, 'refused');
}
