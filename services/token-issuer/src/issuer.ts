import { calculateJwkThumbprint, exportJWK, SignJWT, type JWK } from 'jose';
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { Bearer } from './bearer.ts';

/** A private key on the curve P-256, as PEM or as a JWK. */
export type PrivateKey = string | JWK;

/** Issues access tokens like an identity provider. */
export class Issuer {
  readonly #key: KeyObject;
  readonly #name: string;
  readonly #audience: string;
  /** The public keys with which services verify signatures. */
  readonly jwks: { readonly keys: JWK[] };

  private constructor({ name, audience, key, jwk }: { name: string; audience: string; key: KeyObject; jwk: JWK }) {
    this.#name = name;
    this.#audience = audience;
    this.#key = key;
    this.jwks = { keys: [jwk] };
  }

  /** `name`: the `iss` of its tokens. The id of the key is its thumbprint. */
  static async open(name: string, audience: string, privateKey: PrivateKey): Promise<Issuer> {
    const key = createPrivateKey(typeof privateKey === 'string' ? privateKey : { key: privateKey as never, format: 'jwk' });
    const jwk = await exportJWK(createPublicKey(key));
    const named = { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' };
    return new Issuer({ name, audience, key, jwk: named });
  }

  /** A signed access token (RFC 9068: `at+jwt`), valid for twelve hours. */
  async token({ subject, accounts, role, scope }: Bearer): Promise<string> {
    const [jwk] = this.jwks.keys;
    return new SignJWT({ accounts, role, ...(scope !== undefined && { scope }) })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: jwk?.kid ?? '' })
      .setIssuer(this.#name)
      .setAudience(this.#audience)
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime('12h')
      .setJti(crypto.randomUUID())
      .sign(this.#key);
  }
}
