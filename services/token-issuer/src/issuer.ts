import { calculateJwkThumbprint, exportJWK, SignJWT, type JWK } from 'jose';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { Bearer } from './bearer.ts';

/** A private key on the curve P-256, as PEM or as a JWK. */
export type PrivateKey = string | JWK;

/** Issues access tokens like an identity provider. */
export interface Issuer {
  /** The public keys with which services verify signatures. */
  readonly jwks: { readonly keys: JWK[] };
  /** A signed access token (RFC 9068: `at+jwt`), valid for twelve hours. */
  readonly token: (bearer: Bearer) => Promise<string>;
}

/** `name`: the `iss` of its tokens. The id of the key is its thumbprint. */
export async function openIssuer(name: string, audience: string, privateKey: PrivateKey): Promise<Issuer> {
  const key = createPrivateKey(typeof privateKey === 'string' ? privateKey : { key: privateKey as never, format: 'jwk' });
  const jwk = await exportJWK(createPublicKey(key));
  const kid = await calculateJwkThumbprint(jwk);
  return {
    jwks: { keys: [{ ...jwk, kid, alg: 'ES256', use: 'sig' }] },
    token: ({ subject, accounts, role, scope }) =>
      new SignJWT({ accounts, role, ...(scope !== undefined && { scope }) })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
        .setIssuer(name)
        .setAudience(audience)
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime('12h')
        .setJti(crypto.randomUUID())
        .sign(key),
  };
}
