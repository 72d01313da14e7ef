import { type Step } from '../runner/console.ts';
import type { Home } from '../runner/home.ts';
import { fetchJars, kafka } from './kafka.ts';
import { choosePorts } from '../runner/ports.ts';
import { createDatabase, postgres, postgresUrl, type Durability } from './postgres.ts';
import type { PostgresBuild } from './postgres-programs.ts';
import { Supervised, type Crash, type Program } from '../runner/processes.ts';
import { redis } from './redis.ts';
import { serverPlace } from './server-place.ts';

/** Where PostgreSQL (as the owner of the database), Kafka and Redis are, in the names of the environment. */
export interface ServerUrls {
  readonly DATABASE_URL: string;
  readonly KAFKA_BROKERS: string;
  readonly REDIS_URL: string;
}

/** How servers are started. */
export interface ServerOptions {
  readonly home: Home;
  readonly durability: Durability;
  /** npm's when absent. */
  readonly build?: PostgresBuild;
  /** Ports to take when they are free; 0 = any. */
  readonly requests: { readonly postgres: number; readonly kafka: number; readonly controller: number; readonly redis: number };
  /** What the environment names is used and not started. */
  readonly named: Partial<ServerUrls>;
  readonly step: Step;
  readonly onCrash: (crash: Crash) => void;
  /** Gets every process before it starts: who holds this list can stop them at any moment. */
  readonly own: Supervised[];
}

/** Starts PostgreSQL, Redis and Kafka, each unless it is named, and waits until they answer. Returns where they are. */
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
      make: () => kafka(serverPlace(home), { clients: port('kafka'), controller: port('controller') }),
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

/** Stops servers in the opposite order of their start. */
export async function stopServers(own: readonly Supervised[]): Promise<void> {
  for (const server of own.toReversed()) await server.stop();
}

/** What the environment names; an empty variable names nothing. */
export function namedServers(env: NodeJS.ProcessEnv = process.env): Partial<ServerUrls> {
  const { DATABASE_URL, KAFKA_BROKERS, REDIS_URL } = env;
  return { ...(DATABASE_URL && { DATABASE_URL }), ...(KAFKA_BROKERS && { KAFKA_BROKERS }), ...(REDIS_URL && { REDIS_URL }) };
}
