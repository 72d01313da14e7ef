import { setTimeout as sleep } from 'node:timers/promises';

/** The broker's limit, or its word to wait, does not let the call go within the time that it may wait. */
export class RateExceeded extends Error {
  override readonly name = 'RateExceeded';
  constructor(readonly retryAfterMs: number) {
    super(`the rate limit is used up for ${Math.ceil(retryAfterMs)} ms`);
  }
}

/** A token bucket: so many calls a minute, a tenth of them at once; who finds none waits in turn, up to a limit. */
export class RateBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at = performance.now();

  constructor(
    perMinute: number,
    private readonly maxWaitMs: number,
  ) {
    this.#perMs = perMinute / 60_000;
    this.#burst = Math.max(1, perMinute / 10);
    this.#tokens = this.#burst;
  }

  /** Takes a token, waiting for it; throws `RateExceeded` when that would take too long. */
  async take(): Promise<void> {
    this.#refill();
    const waitMs = this.#tokens >= 1 ? 0 : (1 - this.#tokens) / this.#perMs;
    if (waitMs > this.maxWaitMs) throw new RateExceeded(waitMs);
    this.#tokens -= 1;
    if (waitMs > 0) await sleep(waitMs);
  }

  /** The broker said to wait: no call before that. */
  pause(ms: number): void {
    this.#refill();
    this.#tokens = Math.min(this.#tokens, 1 - ms * this.#perMs);
  }

  #refill(): void {
    const now = performance.now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
}
