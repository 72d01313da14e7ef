import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { topics, type TopicDeclaration } from '@tradecore/events';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import type { DataSource } from 'typeorm';
import { startService, type RunningService, type ServiceOptions } from './run-service.ts';

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

/** Starts a service inside the test, on free ports, logging nothing below `error`. `stop()` it at the end. */
export const startTestService = (options: ServiceOptions, env: Readonly<Record<string, string>>): Promise<RunningService> =>
  startService(options, { NODE_ENV: 'test', LOG_LEVEL: 'error', PORT: '0', ADMIN_PORT: '0', START_LIMIT: '5000', ...env });

/** Read models of a test: their database, whose logins are the services'. */
export interface TestModels {
  readonly database: {
    urlFor(service: string): string;
    dataSourceFor(service: string): Promise<DataSource>;
  };
  drop(): Promise<void>;
}

/** A projector's service that runs on a database and topics of its own. */
export interface TestProjector<M extends TestModels> {
  readonly models: M;
  readonly kafka: TestKafka;
  readonly service: RunningService;
  /** Logged in as query-api: what it may not see, tests don't see. */
  readonly db: DataSource;
  /** Stops the service, and drops what it ran on. */
  drop(): Promise<void>;
}

/** Starts the service of a projector that reads these topics. */
export async function startTestProjector<M extends TestModels>(
  options: ServiceOptions,
  making: Promise<M>,
  read: readonly TopicDeclaration[],
): Promise<TestProjector<M>> {
  const declarations = [...read, topics.deadLetters, topics.relayPosition];
  const [models, kafka] = await Promise.all([making, createTestKafka({ declarations })]);
  const [db, service] = await Promise.all([
    models.database.dataSourceFor('query-api'),
    startTestService(options, {
      DATABASE_URL: models.database.urlFor(options.name),
      KAFKA_BROKERS: kafka.brokers.join(),
      NAMESPACE: kafka.namespace,
    }),
  ]);
  const drop = async (): Promise<void> => {
    await service.stop();
    await Promise.all([models.drop(), kafka.drop()]);
  };
  return { models, kafka, service, db, drop };
}

/** Waits for what must come; the end of the test's time ends it. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
