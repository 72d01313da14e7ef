import { Global, Module, type DynamicModule, type OnApplicationShutdown, type Provider } from '@nestjs/common';
import { createEventStore, EventStore, type Migration, StoreIdentity } from '@tradecore/event-sourcing';
import { catalogue } from '@tradecore/events';
import { createKafkaClient, type KafkaClient } from '@tradecore/messaging';
import { logger } from '@tradecore/telemetry';
import { DataSource } from 'typeorm';
import { Authenticator } from '../door/auth.ts';
import { kafkaSettings, type Config, type Server } from './config.ts';
import { Health } from './health.ts';
import { lackOf } from '../servers/pool.ts';
import { People } from '../door/people.ts';
import { RateLimits } from '../door/rate-limits.ts';
import { tokens } from '../tokens.ts';

/** The parts of the module: read and connected before Nest starts. */
export interface Infrastructure {
  readonly name: string;
  readonly uses: readonly Server[];
  /** Present where there is an HTTP door. */
  readonly door: { readonly authenticator: Authenticator; readonly rateLimits: RateLimits } | undefined;
  /** There where the service writes events. */
  readonly people: People | undefined;
  readonly identity: StoreIdentity | undefined;
  readonly config: Config;
  readonly health: Health;
  readonly migrations: readonly Migration[];
  /** Initialised; absent when the service does not use PostgreSQL. */
  readonly dataSource: DataSource | undefined;
}

const log = logger('service');

const connections = Symbol('connections');

/** Closes the process's connections, after doors and consumers are done. */
class Connections implements OnApplicationShutdown {
  constructor(private readonly closing: readonly (() => Promise<unknown>)[]) {}

  /** Sequentially, because the store drains through the pool; a failed close does not keep the rest open. */
  async onApplicationShutdown(): Promise<void> {
    for (const close of this.closing) {
      await close().catch((error: unknown) => log.error({ err: error }, 'a connection could not be closed'));
    }
  }
}

async function providersOf(infrastructure: Infrastructure): Promise<Provider[]> {
  const { name, uses, door, people, identity, config, health, migrations, dataSource } = infrastructure;
  const providers: Provider[] = [
    { provide: tokens.config, useValue: config },
    { provide: Health, useValue: health },
  ];
  if (people) providers.push({ provide: People, useValue: people });
  if (identity) providers.push({ provide: StoreIdentity, useValue: identity });
  const closing: (() => Promise<unknown>)[] = [];
  if (door) {
    const { authenticator, rateLimits } = door;
    providers.push({ provide: Authenticator, useValue: authenticator }, { provide: RateLimits, useValue: rateLimits });
    closing.push(async () => rateLimits.close());
  }
  if (uses.includes('kafka')) {
    const kafka: KafkaClient = createKafkaClient(kafkaSettings(name, config));
    providers.push({ provide: tokens.kafka, useValue: kafka });
    closing.push(() => kafka.close());
  }
  if (uses.includes('redis')) {
    // Loaded only if used: the client costs memory even when idle.
    const { openRedis, Redis } = await import('../servers/redis.ts');
    const redis = openRedis(name, config);
    providers.push({ provide: Redis, useValue: redis });
    closing.push(() => redis.quit().catch(() => redis.disconnect()));
  }
  if (dataSource) {
    const store = createEventStore({ dataSource, catalogue, refusesReads: people !== undefined });
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

/** The providers that `tokens` and its comment name, for every module of the service. */
@Global()
@Module({})
export class InfrastructureModule {
  /** The providers that a service uses. */
  static async for(infrastructure: Infrastructure): Promise<DynamicModule> {
    const providers = await providersOf(infrastructure);
    const exported = providers.map((each) => (each as { provide: symbol }).provide).filter((each) => each !== connections);
    return { module: InfrastructureModule, providers, exports: exported };
  }
}
