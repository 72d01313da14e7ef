import type { IncomingMessage } from 'node:http';
import { logger } from '@tradecore/telemetry';

/** What was answered, and why in words for the log alone. */
export interface Refusal {
  readonly status: number;
  /** Stable: what to search for. */
  readonly code: string;
  readonly because?: string | undefined;
  /** The rule that denied an order. */
  readonly rule?: unknown;
}

/** Who may not, what is not theirs or not there, what stands in the way. Faults of form (400, 413, 415) are in the access log alone. */
const audited: readonly number[] = [401, 403, 404, 409, 412, 422, 428, 429];
/** Characters of what a client wrote, at most. */
const textLimit = 500;

const log = logger('audit');

/** One line a refusal: who was refused what. `address` is the peer of the connection; `forwardedFor` is what a proxy in front says, unchecked. */
export function audit(refusal: Refusal, { method, url = '/', headers, socket }: IncomingMessage, subject?: string): void {
  if (!audited.includes(refusal.status)) return;
  const forwardedFor = headers['x-forwarded-for']?.slice(0, textLimit);
  const path = url.split('?', 1)[0]?.slice(0, textLimit);
  log.info({ subject, address: socket.remoteAddress, forwardedFor, method, path, ...refusal }, 'refused');
}
