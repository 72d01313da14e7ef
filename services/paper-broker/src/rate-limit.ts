/** An account's remaining requests in this minute. */
export interface Allowance {
  readonly limit: number;
  readonly remaining: number;
  /** When the count starts again; seconds since 1970. */
  readonly reset: number;
  readonly isSpent: boolean;
}

const minute = 60_000;

/** Requests by account in windows of a minute, as Alpaca counts them. */
export class RateLimit {
  readonly #used = new Map<string, { window: number; count: number }>();

  constructor(private readonly limit: number) {}

  /** Counts a request. */
  take(account: string, now: number): Allowance {
    const window = Math.floor(now / minute);
    const before = this.#used.get(account);
    const count = before?.window === window ? before.count + 1 : 1;
    this.#used.set(account, { window, count });
    const reset = ((window + 1) * minute) / 1000;
    return { limit: this.limit, remaining: Math.max(0, this.limit - count), reset, isSpent: count > this.limit };
  }
}
