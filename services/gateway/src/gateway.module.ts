import { Inject, Injectable, Module, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { tokens, type Config, type ServiceOptions } from '@tradecore/service';
import { logger } from '@tradecore/telemetry';
import { z } from 'zod';
import { openProxy, type Proxy } from './proxy.ts';

const url = z.url({ protocol: /^http$/, error: 'must be a URL that starts with http:' });

const settings = {
  /** 0 takes a free port. */
  PORT: z.coerce.number().int().min(0).max(65_535).default(0),
  /** Base URL of command-api. */
  COMMANDS_URL: url.meta({ examples: ['http://command-api'] }),
  /** Base URL of query-api. */
  QUERIES_URL: url.meta({ examples: ['http://query-api'] }),
};

/** The proxy, for as long as the service runs. */
@Injectable()
class Gateway implements OnApplicationBootstrap, BeforeApplicationShutdown {
  #proxy: Proxy | undefined;

  constructor(@Inject(tokens.config) private readonly config: Config<typeof settings>) {}

  async onApplicationBootstrap(): Promise<void> {
    const { HOST: host, PORT: port, COMMANDS_URL: commands, QUERIES_URL: queries } = this.config;
    this.#proxy = await openProxy({ host, port, commands: [commands], queries: [queries] });
    logger('gateway').info({ url: this.#proxy.url, commands, queries }, 'open');
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#proxy?.close();
  }
}

@Module({ providers: [Gateway] })
class GatewayModule {}

/** The service that `main.ts` starts. */
export const gateway: ServiceOptions = { name: 'gateway', module: GatewayModule, uses: [], config: settings };
