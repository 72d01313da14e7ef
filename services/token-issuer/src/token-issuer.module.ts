import { Inject, Injectable, Module, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { tokens, type Config, type ServiceOptions } from '@tradecore/service';
import { logger } from '@tradecore/telemetry';
import { createServer, type Server } from 'node:https';
import { z } from 'zod';
import { openIssuer } from './issuer.ts';
import { settings } from './settings.ts';

const served = {
  ...settings,
  /** 0 takes a free port. */
  PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  /** The certificate of its address, as PEM; TLS_CERT_FILE names a file. */
  TLS_CERT: z.string().startsWith('-----BEGIN'),
  /** The certificate's key. */
  TLS_KEY: z.string().startsWith('-----BEGIN').meta({ secret: true }),
};

/**
 * Serves the public keys over TLS, for services in production read keys no other way. It has no door for tokens: they
 * are printed by `token.ts`, by whoever may read the private key.
 */
@Injectable()
class TokenIssuer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  #server: Server | undefined;

  constructor(@Inject(tokens.config) private readonly config: Config<typeof served>) {}

  async onApplicationBootstrap(): Promise<void> {
    const { ISSUER, AUDIENCE, ISSUER_KEY, TLS_CERT: cert, TLS_KEY: key, HOST, PORT } = this.config;
    const body = JSON.stringify((await openIssuer(ISSUER, AUDIENCE, ISSUER_KEY)).jwks);
    this.#server = createServer({ cert, key }, ({ url, method }, response) => {
      const isKeys = url === '/.well-known/jwks.json' && (method === 'GET' || method === 'HEAD');
      response.writeHead(isKeys ? 200 : 404, { 'content-type': 'application/json' }).end(isKeys ? body : undefined);
    });
    await new Promise<void>((resolve, reject) => this.#server?.once('error', reject).listen(PORT, HOST, resolve));
    logger('token-issuer').info({ issuer: ISSUER }, 'open');
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#server?.closeIdleConnections();
    await new Promise((resolve) => (this.#server ? this.#server.close(resolve) : resolve(undefined)));
  }
}

@Module({ providers: [TokenIssuer] })
class TokenIssuerModule {}

/** The service that `main.ts` starts. */
export const tokenIssuer: ServiceOptions = { name: 'token-issuer', module: TokenIssuerModule, uses: [], config: served };
