import { BrokenCircuitError, circuitBreaker, CircuitState, ConsecutiveBreaker, ExponentialBackoff, handleWhen } from 'cockatiel';
import { currentContext, logger, traced } from '@tradecore/telemetry';
import { gatewayMetrics, type Call } from '../broker-gateway.metrics.ts';
import type { CallSlots } from '../call-slots.ts';
import { CallRate, RateExceeded } from './call-rate.ts';

/** How to call a brokerage's HTTP API. */
export interface HttpSettings {
  readonly url: string;
  readonly keyId: string;
  readonly secretKey: string;
  /** The rate that the brokerage allows. */
  readonly slots: CallSlots;
  /** Time limit of a call, from request to complete reply. */
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

/** Outcome of a call. `unsent`: the brokerage certainly did nothing. `unknown`: it may have done something. */
export type HttpReply =
  | { readonly kind: 'reply'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'unsent'; readonly reason: string; readonly retryAfterMs?: number; readonly status?: 429 }
  | { readonly kind: 'unknown'; readonly reason: string };

const log = logger('broker-http');
/** Alpaca's list of assets is about 7 MiB. */
const bodyLimit = 32 * 1024 * 1024;
const maxWaitMs = 5_000;
/** After this many consecutive failures the brokerage counts as unavailable. */
const failuresLimit = 8;

/** No connection was made: the request was not sent. */
const unsentCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

/** The brokerage is unavailable or answers incorrectly; `isUnsent` as in `HttpReply`. */
class Failure extends Error {
  constructor(
    readonly isUnsent: boolean,
    reason: string,
  ) {
    super(reason);
  }
}

/** Calls a brokerage over HTTP, with a rate limit, a timeout and a circuit breaker. Does not follow redirects. */
export class AlpacaHttp {
  /** Decides when calls are sent: cancels first. */
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
      if (state === CircuitState.Open) log.warn('brokerage unavailable; calls wait');
      if (closed) log.info('brokerage available again');
    });
  }

  /** Calls `listener` whenever the brokerage answers again after an outage. */
  onBack(listener: () => void): void {
    this.#breaker.onReset(listener);
  }

  /** Whether calls are sent; otherwise they are answered `unsent` at once. */
  get isOpen(): boolean {
    return this.#breaker.state !== CircuitState.Open;
  }

  /** Makes a call; never throws. */
  async ask(call: HttpCall): Promise<HttpReply> {
    const stop = gatewayMetrics.seconds.startTimer({ call: call.call });
    const send = () => this.#breaker.execute(() => this.#send(call));
    try {
      // A call that no order asks for, such as one of the sweep, is no step of a trace.
      return await (currentContext() ? traced(`brokerage ${call.call}`, send) : send());
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
      return { kind: 'unsent', reason: 'the brokerage answered 429', retryAfterMs, status };
    }
    if (status >= 500 || status === 408) throw new Failure(false, `the brokerage answered ${status}`);
    if (status >= 300 && status < 400) return { kind: 'unknown', reason: `the brokerage answered ${status}, a redirect` };
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
  if (error instanceof BrokenCircuitError) return { kind: 'unsent', reason: 'the brokerage is unavailable' };
  if (error instanceof Failure) return { kind: error.isUnsent ? 'unsent' : 'unknown', reason: error.message };
  throw error;
}

/** The error code that broke the connection: fetch hides it in the cause of a TypeError, sometimes two levels deep. */
function causeOf(error: unknown): string {
  const { name, code, cause, errors } = error as { name?: string; code?: string; cause?: unknown; errors?: unknown[] };
  if (typeof code === 'string') return code;
  const inner = cause ?? errors?.[0];
  return inner === undefined ? (name ?? 'unknown') : causeOf(inner);
}

/** Reads the body up to a limit: an endless reply must not fill the memory. */
async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).byteLength;
    if (bytes > bodyLimit) throw new Failure(false, `the reply exceeds ${bodyLimit} bytes`);
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

/** Milliseconds from `Retry-After`, which is in seconds: one second if absent, at most a minute. */
function retryAfter(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? '1');
  return Math.min(60_000, Math.max(100, Number.isFinite(seconds) ? seconds * 1000 : 1000));
}
