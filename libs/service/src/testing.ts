import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';

export { eventually, TestProjector } from './test-projector.ts';
export { startTestService } from './test-service.ts';

/** What a test token says; anything given replaces what a good token would have. */
export interface TokenOptions {
  readonly accounts?: readonly string[];
  readonly role?: string;
  readonly subject?: string;
  /** Seconds from now; negative: expired. */
  readonly expiresIn?: number;
  readonly audience?: string;
  readonly issuer?: string;
  readonly typ?: string;
  /** Signed by a key that the issuer does not publish. */
  readonly foreignKey?: boolean;
  readonly claims?: JWTPayload;
}

/** An issuer of tokens for tests: its keys served over HTTP, and the settings that make a service trust it. */
export interface TestIssuer {
  /** JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_URL. */
  readonly env: Readonly<Record<'JWT_ISSUER' | 'JWT_AUDIENCE' | 'JWT_JWKS_URL', string>>;
  token(options?: TokenOptions): Promise<string>;
  close(): Promise<void>;
}

/** Starts an issuer with a key of its own. */
export async function createTestIssuer(): Promise<TestIssuer> {
  const issuer = 'https://issuer.test/';
  const audience = 'tradecore';
  const own = await generateKeyPair('ES256', { extractable: true });
  const foreign = await generateKeyPair('ES256');
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(own.publicKey)), kid: 'test', alg: 'ES256', use: 'sig' }] });
  const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(jwks));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    env: { JWT_ISSUER: issuer, JWT_AUDIENCE: audience, JWT_JWKS_URL: `http://127.0.0.1:${port}/jwks.json` },
    token: (options = {}) =>
      new SignJWT({ accounts: options.accounts ?? [], role: options.role ?? 'client', ...options.claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'test', typ: options.typ ?? 'at+jwt' })
        .setIssuer(options.issuer ?? issuer)
        .setAudience(options.audience ?? audience)
        .setSubject(options.subject ?? 'tester')
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1000) + (options.expiresIn ?? 300))
        .sign(options.foreignKey ? foreign.privateKey : own.privateKey),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
