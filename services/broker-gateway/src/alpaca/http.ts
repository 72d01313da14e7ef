import { BrokenCircuitError, circuitBreaker, CircuitState, ConsecutiveBreaker, ExponentialBackoff, handleWhen } from 'cockatiel';
import { logger } from '@tradecore/telemetry';
import { gatewayMetrics, type Call } from '../broker-gateway.metrics.ts';
import type { CallSlots } from '../call-slots.ts';
import { CallRate, RateExceeded } from './call-rate.ts';

/** Where and how a broker's HTTP API is asked. */
export interface HttpSettings {
  readonly url: string;
  readonly keyId: string;
  readonly secretKey: string;
  /** What the broker allows. */
  readonly slots: CallSlots;
  /** How long a call may take, from the request to the whole reply. */
  readonly timeoutMs: number;
}

/** One call. */
export interface HttpCall {
  readonly call: Call;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** What came of a call. `unsent`: the broker surely did nothing. `unknown`: it may have. */
export type HttpReply =
  | { readonly kind: 'reply'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'unsent'; readonly reason: string; readonly retryAfterMs?: number }
  | { readonly kind: 'unknown'; readonly reason: string };

const log = logger('broker-http');
/** Alpaca's list of assets has some 7 MiB. */
const bodyLimit = 32 * 1024 * 1024;
const maxWaitMs = 5_000;
/** So many failures in a row, and the broker is taken for away. */
const failuresLimit = 8;

/** No connection came about: the request did not leave. */
const unsentCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

/** The broker is away or does not answer as it should; `unsent` as in `HttpReply`. */
class Failure extends Error {
  constructor(
    readonly isUnsent: boolean,
    reason: string,
  ) {
    super(reason);
  }
}

/** Asks a broker over HTTP: never too often, never for longer than a limit, not at all while it is away. Redirects are not followed. */
export class AlpacaHttp {
  /** When calls go: cancels first. */
  readonly rate: CallRate;
  readonly #breaker = circuitBreaker(
    handleWhen((error) => error instanceof Failure),
    {
      breaker: new ConsecutiveBreaker(failuresLimit),
      halfOpenAfter: new ExponentialBackoff({ initialDelay: 250, maxDelay: 5_000 }),
    },
  );

  constructor(private readonly settings: HttpSettings) {
    this.rate = new CallRate(settings.slots, maxWaitMs);
    this.#breaker.onStateChange((state) => {
      const closed = state === CircuitState.Closed;
      gatewayMetrics.circuitOpen.set(closed ? 0 : 1);
      if (state === CircuitState.Open) log.warn('the broker is away: calls wait');
      if (closed) log.info('the broker is back');
    });
  }

  /** Calls `listener` each time that the broker answers again after it was away. */
  onBack(listener: () => void): void {
    this.#breaker.onReset(listener);
  }

  /** Whether calls go out; while not, they are answered `unsent` at once. */
  get isOpen(): boolean {
    return this.#breaker.state !== CircuitState.Open;
  }

  /** Makes a call; never throws. */
  async ask(call: HttpCall): Promise<HttpReply> {
    const stop = gatewayMetrics.seconds.startTimer({ call: call.call });
    try {
      return await this.#breaker.execute(() => this.#send(call));
    } catch (error) {
      return refusedHere(error);
    } finally {
      stop();
    }
  }

  async #send(call: HttpCall): Promise<HttpReply> {
    await this.rate.take(call.call === 'cancel');
    const { response, text } = await this.#fetch(call);
    const { status } = response;
    if (status === 429) {
      const retryAfterMs = retryAfter(response);
      await this.rate.pause(retryAfterMs);
      return { kind: 'unsent', reason: 'the broker says 429', retryAfterMs };
    }
    if (status >= 500 || status === 408) throw new Failure(false, `the broker says ${status}`);
    if (status >= 300 && status < 400) return { kind: 'unknown', reason: `the broker says ${status}, elsewhere` };
    return { kind: 'reply', status, body: parsed(text) };
  }

  async #fetch({ method, path, query, body }: HttpCall): Promise<{ response: Response; text: string }> {
    const url = new URL(`${this.settings.url.replace(/\/$/, '')}${path}`);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    try {
      const response = await fetch(url, {
        method,
        redirect: 'manual',
        signal: AbortSignal.timeout(this.settings.timeoutMs),
        headers: {
          'APCA-API-KEY-ID': this.settings.keyId,
          'APCA-API-SECRET-KEY': this.settings.secretKey,
          accept: 'application/json',
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      return { response, text: await readBounded(response) };
    } catch (error) {
      if (error instanceof Failure) throw error;
      const code = causeOf(error);
      throw new Failure(unsentCodes.has(code), `no answer: ${code}`);
    }
  }
}

function refusedHere(error: unknown): HttpReply {
  if (error instanceof RateExceeded) return { kind: 'unsent', reason: error.message, retryAfterMs: error.retryAfterMs };
  if (error instanceof BrokenCircuitError) return { kind: 'unsent', reason: 'the broker is away' };
  if (error instanceof Failure) return { kind: error.isUnsent ? 'unsent' : 'unknown', reason: error.message };
  throw error;
}

/** The name of what broke the connection: fetch hides it as the cause of a TypeError, sometimes two deep. */
function causeOf(error: unknown): string {
  const { name, code, cause, errors } = error as { name?: string; code?: string; cause?: unknown; errors?: unknown[] };
  if (typeof code === 'string') return code;
  const inner = cause ?? errors?.[0];
  return inner === undefined ? (name ?? 'unknown') : causeOf(inner);
}

/** Reads the body up to a limit: a reply without end must not fill the memory. */
async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).byteLength;
    if (bytes > bodyLimit) throw new Failure(false, `the reply has more than ${bodyLimit} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const parsed = (text: string): unknown => {
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
};

/** Retry-After in seconds, as brokers write it; a second when they don't. At most a minute. */
function retryAfter(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? '1');
  return Math.min(60_000, Math.max(100, Number.isFinite(seconds) ? seconds * 1000 : 1000));
}
