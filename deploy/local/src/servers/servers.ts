import { type Step } from '../runner/console.ts';
import type { Home } from '../runner/home.ts';
import { fetchJars, kafka } from './kafka.ts';
import { choosePorts } from '../runner/ports.ts';
import { createDatabase, postgres, postgresUrl, type Durability } from './postgres.ts';
import type { PostgresBuild } from './postgres-programs.ts';
import { Supervised, type Crash, type Program } from '../runner/processes.ts';
import { redis } from './redis.ts';
import { serverPlace } from './server-place.ts';

/** The addresses of PostgreSQL (as the database's owner), Kafka and Redis, by their environment variables. */
export interface ServerUrls {
  readonly DATABASE_URL: string;
  readonly KAFKA_BROKERS: string;
  readonly REDIS_URL: string;
}

/** How servers are started. */
export interface ServerOptions {
  readonly home: Home;
  readonly durability: Durability;
  /** npm's if absent. */
  readonly build?: PostgresBuild;
  /** Ports to use if they are free; 0 = any. */
  readonly requests: { readonly postgres: number; readonly kafka: number; readonly controller: number; readonly redis: number };
  /** Servers named in the environment are used, not started. */
  readonly named: Partial<ServerUrls>;
  readonly step: Step;
  readonly onCrash: (crash: Crash) => void;
  /** Each process is added before it starts, so that the holder of this list can stop them at any time. */
  readonly own: Supervised[];
}

/**
 * Starts PostgreSQL, Redis and Kafka, except those named in the environment, and waits until they answer. Returns their
 * addresses.
 */
export async function startServers(options: ServerOptions): Promise<ServerUrls> {
  const { home, durability, build = 'npm', requests, named, step, onCrash, own } = options;
  const ports = await choosePorts(home, { ...requests });
  const port = (name: keyof typeof requests) => ports[name] ?? 0;
  const urls: ServerUrls = {
    DATABASE_URL: postgresUrl(home, port('postgres')),
    KAFKA_BROKERS: `127.0.0.1:${port('kafka')}`,
    REDIS_URL: `redis://127.0.0.1:${port('redis')}`,
    ...named,
  };
  const ours: { title: string; setting: keyof ServerUrls; make: () => Program }[] = [
    { title: 'Redis', setting: 'REDIS_URL', make: () => redis(serverPlace(home), port('redis')) },
    {
      title: 'PostgreSQL',
      setting: 'DATABASE_URL',
      make: () => postgres(home, serverPlace(home), { port: port('postgres'), durability, build }),
    },
    {
      title: 'Kafka',
      setting: 'KAFKA_BROKERS',
      make: () =>
        kafka(
          serverPlace(home),
          { clients: port('kafka'), controller: port('controller') },
          { isShortLived: durability === 'fast' },
        ),
    },
  ];
  const run = async (title: string, make: () => Program) => {
    if (title === 'Kafka') await step("broker's jars", fetchJars);
    await step(title, async (remark) => {
      const server = new Supervised(home, make(), onCrash);
      own.push(server);
      await server.start();
      remark(`pid ${server.pid}`);
    });
  };
  const missing = ours.filter(({ setting }) => !named[setting]);
  await Promise.all(missing.map(({ title, make }) => run(title, make)));
  if (!named.DATABASE_URL) await createDatabase(postgresUrl(home, port('postgres'), 'postgres'), 'tradecore');
  return urls;
}

/** Stops servers in reverse order. */
export async function stopServers(own: readonly Supervised[]): Promise<void> {
  for (const server of own.toReversed()) await server.stop();
}

/** The servers named in the environment; an empty variable names none. */
export function namedServers(env: NodeJS.ProcessEnv = process.env): Partial<ServerUrls> {
  const { DATABASE_URL, KAFKA_BROKERS, REDIS_URL } = env;
  return { ...(DATABASE_URL && { DATABASE_URL }), ...(KAFKA_BROKERS && { KAFKA_BROKERS }), ...(REDIS_URL && { REDIS_URL }) };
}

/** How services are let in by the servers that the environment names: certificates and logins, beside their addresses. */
export function securityOf(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const { KAFKA_BROKERS, REDIS_URL } = namedServers(env);
  const isOf = (name: string): boolean =>
    (KAFKA_BROKERS !== undefined && /^KAFKA_(TLS|CA|CERT|KEY|SASL_\w+)$/.test(name)) ||
    (REDIS_URL !== undefined && name === 'REDIS_CA');
  return Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value && isOf(name) ? [[name, value]] : [])));
}
