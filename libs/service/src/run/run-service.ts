import type { DynamicModule, INestApplication, InjectionToken, Type } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { type Migration, StoreIdentity } from '@tradecore/event-sourcing';
import { flushTelemetry, logger } from '@tradecore/telemetry';
import 'reflect-metadata';
import type { DataSource } from 'typeorm';
import { openAdminServer, type AdminServer } from './admin-server.ts';
import { Authenticator } from '../door/auth.ts';
import { environment, readConfig, type Config, type Environment, type Server, type Shape } from './config.ts';
import { Health, type Check } from './health.ts';
import { createHttpDoor } from '../door/http-door.ts';
import { InfrastructureModule } from './infrastructure.module.ts';
import type { Paths } from '../door/methods.ts';
import { NestLog } from './nest-log.ts';
import { People } from '../door/people.ts';
import { ProblemFilter } from '../door/problems.ts';
import { openPool } from '../servers/pool.ts';
import { RateLimits, type RouteClass } from '../door/rate-limits.ts';
import { crashOnBugs, describe, refuseToStart } from './process.ts';
import { stopOnSignals } from './stop.ts';

/** The definition of a service. */
export interface ServiceOptions {
  /** For example `command-api`: shown in logs and in PostgreSQL's and the broker's client lists. */
  readonly name: string;
  /**
   * Its controllers and providers; it can inject what `tokens` names. Long-running work starts in
   * `onApplicationBootstrap` and ends, finished, in `beforeApplicationShutdown`.
   */
  readonly module: Type;
  /** The servers that it talks to; PostgreSQL only when absent. */
  readonly uses?: readonly Server[];
  /** It has an HTTP door on HOST:PORT. */
  readonly http?: boolean;
  /**
   * It writes events: its callers are known by their persons, it can inject `People`, and while the store is closed its
   * `EventStore` refuses reads too.
   */
  readonly people?: boolean;
  /** Routes, as `POST /v1/orders`, that rate limits count as neither reads nor writes. */
  readonly routeClasses?: Readonly<Record<string, RouteClass>>;
  /** Paths and methods of the whole API that the door belongs to, for 405 answers. */
  readonly paths?: Paths;
  /** Its own settings, by their environment names. */
  readonly config?: Shape;
  /** The migrations it needs beyond the event store's own; startup waits for them. */
  readonly migrations?: readonly Migration[];
  /**
   * Tokens of its transport strategies: they listen once everything else has started, and are closed, drained, before
   * the pools.
   */
  readonly strategies?: readonly InjectionToken[];
}

/** A strategy may report its status: its checks are then part of readiness. */
interface ReportsReadiness {
  readiness(): readonly Check[];
}

/** A running service. */
export interface RunningService {
  readonly app: INestApplication;
  readonly config: Config;
  readonly health: Health;
  /** Base address of the HTTP door; absent without one. */
  readonly url?: string;
  readonly adminUrl: string;
  /** Drains and closes everything: not ready, no new work, work in flight finished, consumers drained, pools closed. */
  stop(): Promise<void>;
}

const log = logger('service');

const rootOf = (infrastructure: DynamicModule, module: Type): Type => {
  @Module({ imports: [infrastructure, module] })
  class Service {}
  return Service;
};

/** Defaults of absent options. */
const withDefaults = (options: ServiceOptions) => ({
  uses: ['postgres'] as readonly Server[],
  http: false,
  people: false,
  strategies: [],
  migrations: [],
  routeClasses: {},
  paths: {},
  ...options,
});

/** Who the store and the people are, in a service with a database; the people in one that writes. */
function knownIn(db: DataSource | undefined, writes: boolean) {
  const identity = db && new StoreIdentity(db);
  return { identity, people: writes && identity ? new People(db, identity) : undefined };
}

/** Starts a service with the settings of `env`, without touching the process: for tests and for `runService`. */
export async function startService(options: ServiceOptions, env: Environment): Promise<RunningService> {
  const { name, module, uses, http, strategies, migrations, routeClasses, paths, ...more } = withDefaults(options);
  const config = readConfig({ uses, http, ...(options.config && { own: options.config }) }, env);
  describe(name, config);
  const health = new Health();
  const started = health.starting();
  const rateLimits = http ? await RateLimits.open(name, config, uses.includes('redis')) : undefined;
  const door = rateLimits && { authenticator: new Authenticator(config), rateLimits };
  const admin = await openAdminServer(health, config.ADMIN_HOST, config.ADMIN_PORT);
  let dataSource: DataSource | undefined;
  try {
    if (uses.includes('postgres')) dataSource = await openPool({ name, config, migrations });
    const known = knownIn(dataSource, more.people);
    const infrastructure = await InfrastructureModule.for({ name, uses, door, ...known, config, health, migrations, dataSource });
    const adapter = door
      ? createHttpDoor({ ...door, ...known, routeClasses, paths, config, health })
      : new FastifyAdapter({ logger: false });
    const app = await NestFactory.create(rootOf(infrastructure, module), adapter, {
      bodyParser: false,
      logger: new NestLog(),
      abortOnError: false,
    });
    app.useGlobalFilters(new ProblemFilter());
    const service = await open(app, { admin, config, health, http, strategies }).catch(async (error: unknown) => {
      await app.close();
      throw error;
    });
    started();
    return service;
  } catch (error) {
    if (dataSource?.isInitialized) await dataSource.destroy();
    rateLimits?.close();
    await admin.close();
    throw error;
  }
}

interface Opening {
  readonly admin: AdminServer;
  readonly config: Config;
  readonly health: Health;
  readonly http: boolean;
  readonly strategies: readonly InjectionToken[];
}

async function open(app: INestApplication, { admin, config, health, http, strategies }: Opening): Promise<RunningService> {
  for (const token of strategies) {
    const strategy = app.get<CustomTransportStrategy & Partial<ReportsReadiness>>(token, { strict: false });
    app.connectMicroservice({ strategy }, { inheritAppConfig: true });
    for (const check of strategy.readiness?.() ?? []) health.add(check);
  }
  await app.init();
  await app.startAllMicroservices();
  if (http) await app.listen(config.PORT, config.HOST);
  const url = http ? await app.getUrl() : undefined;
  return {
    app,
    config,
    health,
    ...(url !== undefined && { url }),
    adminUrl: admin.url,
    stop: async () => {
      health.drain();
      await app.close();
      await admin.close();
      await flushTelemetry();
    },
  };
}

/**
 * Runs a service until SIGTERM or SIGINT: `await runService({ name: 'query-api', module: QueryApiModule, http: true })`
 * is a whole `main.ts`. Exit codes: 78 for wrong settings; 1 for an uncaught error, which is logged; 0 when stopped in
 * time, else 1 with what hung.
 */
export async function runService(options: ServiceOptions, env = environment()): Promise<void> {
  crashOnBugs();
  const running: { service?: RunningService } = {};
  stopOnSignals(() => running.service);
  const service = await startService(options, env).catch(refuseToStart);
  running.service = service;
  const { url, adminUrl } = service;
  log.info({ ...(url !== undefined && { url }), adminUrl }, 'started');
}
