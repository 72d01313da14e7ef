import { logger } from '@tradecore/telemetry';
import { createRemoteJWKSet, errors, type CryptoKey, type FlattenedJWSInput, type JWSHeaderParameters } from 'jose';

/** Milliseconds after which keys are read again. */
const refreshMs = 600_000;
/** Minimum milliseconds between two fetches from an issuer that failed, or for tokens with an unknown key. */
const coolDownMs = 5000;

const log = logger('auth');

/** The keys are unavailable: the issuer's fault or ours, not the token's. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
}

/**
 * The public keys of the issuer. They are kept while it is unavailable, however long; they are fetched every 10
 * minutes, and for an unknown key at most every 5 s, failures included: neither an outage nor made-up key ids make
 * every request wait for the issuer.
 */
export class IssuerKeys {
  readonly #remote: ReturnType<typeof createRemoteJWKSet>;
  readonly #now: () => number;
  #asking: Promise<void> | undefined;
  #askedAt = -Infinity;
  #failure: unknown;

  /** `now` in milliseconds. */
  constructor(url: string, now: () => number) {
    this.#now = now;
    // By default jose drops its keys when a refresh fails, and fetches for each unknown key while the issuer is
    // unavailable.
    this.#remote = createRemoteJWKSet(new URL(url), { timeoutDuration: 2000, cooldownDuration: Infinity, cacheMaxAge: Infinity });
  }

  /**
   * The key that a token is signed with. Throws `KeysUnavailable` when none is known, or when the issuer may have it
   * but is unavailable.
   */
  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    if (!this.#remote.jwks()) await this.#ask();
    else await this.#refresh();
    if (!this.#remote.jwks()) throw new KeysUnavailable('the issuer has returned no keys', { cause: this.#failure });
    try {
      return await this.#remote(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (this.#asking || this.#isOlderThan(coolDownMs)) await this.#ask();
      if (this.#failure) throw new KeysUnavailable('the issuer is unavailable, and the key may be new', { cause: this.#failure });
      return this.#remote(header, token);
    }
  }

  /** No request waits for an issuer whose last fetch failed. */
  async #refresh(): Promise<void> {
    const failed = this.#failure !== undefined;
    if (!this.#isOlderThan(failed ? coolDownMs : refreshMs)) return;
    const asking = this.#ask();
    if (!failed) await asking;
  }

  #isOlderThan = (milliseconds: number): boolean => this.#now() - this.#askedAt >= milliseconds;

  /** One fetch at a time; never rejects. */
  #ask(): Promise<void> {
    this.#asking ??= this.#remote
      .reload()
      .then(
        () => (this.#failure = undefined),
        (error: unknown) => {
          this.#failure = error;
          log.warn({ err: error }, 'the keys of the issuer could not be read');
        },
      )
      .then(() => {
        this.#askedAt = this.#now();
        this.#asking = undefined;
      });
    return this.#asking;
  }
}
