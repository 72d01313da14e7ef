import { exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose';
import { join } from 'node:path';
import { existsSync } from 'node:fs';
import type { Home } from '../runner/home.ts';
import { secret } from '../runner/secrets.ts';

/** The name of the issuer on developers' machines. A service in production mode refuses it. */
export const localIssuer = 'https://local.tradecore.dev/';
/** Whom its tokens are for. */
export const audience = 'tradecore';
/** The owner of the demo account, and the subject of tokens that name no other. */
export const demoSubject = 'local|demo';
/** Who that is in the fleet's own events: the same in every home. */
export const demoPerson = '6f1d3a52-9c0e-4d7b-8a64-2f5c1e9b7d30';
/** The Idempotency-Key with which the demo account is opened. */
export const demoAccountKey = 'demo-account';
/** The account that `npm start` opens and funds: `accountIdFor(demoPerson, demoAccountKey)`, so that it is the same in every home. */
export const demoAccount = '2116f352-ac5f-5f87-a692-9f54f1ff18cd';

/** Whom a token speaks for. */
export interface Bearer {
  /**
   * The `sub`; `local|<first account>` when absent. The accounts that a subject opens are its own, named by its tokens
   * or not.
   */
  readonly subject?: string;
  /** The accounts that the token names. */
  readonly accounts: readonly string[];
  readonly role: 'client' | 'operator' | 'treasury';
  /** Its scopes: `read`, `trade`, `transfer`, separated by blanks; absent: all but `transfer`. */
  readonly scope?: string;
}

/** Issues tokens like an identity provider, with a key that never leaves the home. */
export class LocalIssuer {
  readonly #key: JWK;

  private constructor(key: JWK) {
    this.#key = key;
  }

  /** Opens the issuer of a home; its key is made the first time. */
  static async open(home: Home): Promise<LocalIssuer> {
    const fresh = existsSync(join(home.secrets, 'issuer.jwk')) ? undefined : await newKey();
    return new LocalIssuer(JSON.parse(secret(home, 'issuer.jwk', () => JSON.stringify(fresh))) as JWK);
  }

  /** The public keys with which services verify signatures. */
  get jwks(): { keys: JWK[] } {
    const { kty, crv, x, y, kid, alg, use } = this.#key;
    return { keys: [{ kty, crv, x, y, kid, alg, use } as JWK] };
  }

  /** A signed access token (RFC 9068: `at+jwt`), valid for twelve hours. */
  async token({ subject, accounts, role, scope }: Bearer): Promise<string> {
    return new SignJWT({ accounts, role, ...(scope !== undefined && { scope }) })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: this.#key.kid ?? '' })
      .setIssuer(localIssuer)
      .setAudience(audience)
      .setSubject(subject ?? `local|${accounts[0]}`)
      .setIssuedAt()
      .setExpirationTime('12h')
      .setJti(crypto.randomUUID())
      .sign(await importJWK(this.#key, 'ES256'));
  }
}

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: crypto.randomUUID(), alg: 'ES256', use: 'sig' };
}
