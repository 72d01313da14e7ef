import { Global, Module, type DynamicModule, type OnApplicationShutdown, type Provider } from '@nestjs/common';
import { createEventStore, EventStore, type Migration } from '@tradecore/event-sourcing';
import { catalogue } from '@tradecore/events';
import { createBroker, type Broker } from '@tradecore/messaging';
import { counter, logger } from '@tradecore/telemetry';
import { Redis } from 'ioredis';
import { DataSource } from 'typeorm';
import { Authenticator } from './auth.ts';
import type { Config, Server } from './config.ts';
import { Health } from './health.ts';
import { lackOf } from './pool.ts';
import { tokens } from './tokens.ts';

/** What the module is made of: read and connected before Nest starts. */
export interface Infrastructure {
  readonly name: string;
  readonly uses: readonly Server[];
  /** There is one where there is an HTTP door. */
  readonly authenticator: Authenticator | undefined;
  readonly config: Config;
  readonly health: Health;
  readonly migrations: readonly Migration[];
  /** Initialised; absent when the service does not use PostgreSQL. */
  readonly dataSource: DataSource | undefined;
}

const log = logger('redis');
const serviceLog = logger('service');
const redisErrors = counter({ name: 'redis_errors_total', help: 'Connections to Redis that failed or broke.' });

/** Redis is a cache and a hint: nothing waits for it, nothing is queued for it. */
function createRedis(name: string, config: Config): Redis {
  const redis = new Redis(config.REDIS_URL, {
    connectionName: name,
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2000,
    commandTimeout: 1000,
    retryStrategy: (times) => Math.min(times * 100, 5000),
  });
  redis.on('error', (error: Error) => {
    redisErrors.inc();
    log.debug({ err: error }, 'redis is away');
  });
  redis.connect().catch(() => undefined); // told by 'error'; retried
  return redis;
}

const connections = Symbol('connections');

/** Closes what the process holds, after doors and consumers are done. */
class Connections implements OnApplicationShutdown {
  constructor(private readonly closing: readonly (() => Promise<unknown>)[]) {}

  /** One after the other, for the store drains through the pool; what can't be closed does not keep the rest open. */
  async onApplicationShutdown(): Promise<void> {
    for (const close of this.closing) {
      await close().catch((error: unknown) => serviceLog.error({ err: error }, 'a connection could not be closed'));
    }
  }
}

function providersOf({ name, uses, authenticator, config, health, migrations, dataSource }: Infrastructure): Provider[] {
  const providers: Provider[] = [
    { provide: tokens.config, useValue: config },
    { provide: tokens.clock, useValue: { now: () => new Date() } },
    { provide: Health, useValue: health },
  ];
  const closing: (() => Promise<unknown>)[] = [];
  if (authenticator) providers.push({ provide: Authenticator, useValue: authenticator });
  if (uses.includes('kafka')) {
    const broker: Broker = createBroker({ brokers: config.KAFKA_BROKERS, clientId: name, namespace: config.NAMESPACE });
    providers.push({ provide: tokens.broker, useValue: broker });
    closing.push(() => broker.close());
  }
  if (uses.includes('redis')) {
    const redis = createRedis(name, config);
    providers.push({ provide: Redis, useValue: redis });
    closing.push(async () => redis.disconnect());
  }
  if (dataSource) {
    const store = createEventStore({ dataSource, catalogue });
    health.add({
      name: 'schema',
      check: async () => {
        const lack = await lackOf(dataSource, migrations);
        return { ok: lack === undefined, state: lack ?? 'complete' };
      },
    });
    providers.push({ provide: DataSource, useValue: dataSource }, { provide: EventStore, useValue: store });
    closing.push(
      () => store.close(),
      () => dataSource.destroy(),
    );
  }
  return [...providers, { provide: connections, useValue: new Connections(closing) }];
}

/** What `tokens` and its comment name, for every module of the service. */
@Global()
@Module({})
export class InfrastructureModule {
  /** The providers that a service uses. */
  static for(infrastructure: Infrastructure): DynamicModule {
    const providers = providersOf(infrastructure);
    const exported = providers.map((each) => (each as { provide: symbol }).provide).filter((each) => each !== connections);
    return { module: InfrastructureModule, providers, exports: exported };
  }
}
