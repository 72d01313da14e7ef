import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';

export { proposeCorrection } from './test-correction.ts';
export { eventually, TestProjector } from './test-projector.ts';
export { startTestService, unlimited } from './test-service.ts';

/** The contents of a test token; a given field replaces that of a valid token. */
export interface TokenOptions {
  readonly accounts?: readonly string[];
  readonly role?: string;
  /** Names separated by spaces; without it the token gets the default scopes. */
  readonly scope?: string;
  readonly subject?: string;
  /** Seconds from now; negative: expired. */
  readonly expiresIn?: number;
  readonly audience?: string;
  readonly issuer?: string;
  /** Absent from the header when null. */
  readonly typ?: string | null;
  /** Seconds from now; negative: issued in the past. */
  readonly issuedIn?: number;
  /** Signed with a key that the issuer does not publish. */
  readonly foreignKey?: boolean;
  readonly claims?: JWTPayload;
}

/** An issuer of test tokens: its keys served over HTTP, and the settings that make a service trust it. */
export interface TestIssuer {
  readonly env: Readonly<Record<'JWT_ISSUER' | 'JWT_AUDIENCE' | 'JWT_JWKS_URL' | 'JWT_ALGORITHMS', string>>;
  token(options?: TokenOptions): Promise<string>;
  /** Switches to a new key, and publishes only that one. */
  rotate(): Promise<void>;
  /** While set, its keys are unavailable. */
  isAway: boolean;
  /** How often its keys were fetched. */
  readonly asked: number;
  close(): Promise<void>;
}

/** Starts an issuer with its own key. */
export async function createTestIssuer(alg = 'ES256'): Promise<TestIssuer> {
  const issuer = 'https://issuer.test/';
  const audience = 'tradecore';
  const good = {
    ...{ issuer, audience, accounts: [], role: 'client', subject: 'tester', typ: 'at+jwt', issuedIn: 0, expiresIn: 300 },
    ...{ claims: {}, foreignKey: false },
  };
  const foreign = await generateKeyPair(alg);
  let own = await newKey(alg, 'test');
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.writeHead(running.isAway ? 503 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(own.jwks));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const JWT_JWKS_URL = `http://127.0.0.1:${port}/jwks.json`;
  const running: TestIssuer = {
    env: { JWT_ISSUER: issuer, JWT_AUDIENCE: audience, JWT_JWKS_URL, JWT_ALGORITHMS: alg },
    isAway: false,
    get asked() {
      return asked;
    },
    rotate: async () => void (own = await newKey(alg, crypto.randomUUID())),
    token: (options = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const { accounts, role, typ, scope, claims, foreignKey, ...more } = { ...good, ...options };
      return new SignJWT({ accounts, role, scope, ...claims })
        .setProtectedHeader({ alg, kid: own.kid, ...(typ !== null && { typ }) })
        .setIssuer(more.issuer)
        .setAudience(more.audience)
        .setSubject(more.subject)
        .setIssuedAt(now + more.issuedIn)
        .setExpirationTime(now + more.expiresIn)
        .sign(foreignKey ? foreign.privateKey : own.privateKey);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return running;
}

async function newKey(alg: string, kid: string) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, privateKey, jwks: { keys: [{ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }] } };
}
