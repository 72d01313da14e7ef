import type { Step } from '../runner/console.ts';
import { homeAt, testHome, type Home } from '../runner/home.ts';
import { stopLeftovers, takeHome, type Supervised } from '../runner/processes.ts';
import type { Durability } from '../servers/postgres.ts';
import { namedServers, startServers, stopServers } from '../servers/servers.ts';

const quiet: Step = async (_name, work) => work(() => {});

/** Options of our own servers. */
export interface TestServerOptions {
  readonly step?: Step;
  /** `fast` if absent, without fsync: tests kill processes, never the machine. A bench uses `durable`. */
  readonly durability?: Durability;
}

/**
 * Servers for tests: those named in the environment; the rest are started in a separate home, on any free port.
 * Afterwards the environment names all of them. Returns a function that stops the started ones.
 */
export async function startTestServers({ step = quiet, durability = 'fast' }: TestServerOptions = {}): Promise<
  () => Promise<void>
> {
  const named = namedServers();
  if (named.DATABASE_URL && named.KAFKA_BROKERS && named.REDIS_URL) return async () => {};
  const home = freeHome();
  const own: Supervised[] = [];
  await stopLeftovers(home);
  try {
    const urls = await startServers({
      home,
      durability,
      requests: { postgres: 0, kafka: 0, controller: 0, redis: 0 },
      named,
      step,
      onCrash: ({ name, how, log }) => process.stderr.write(`The tests' ${name} ended (${how}): see ${log}\n`),
      own,
    });
    Object.assign(process.env, urls);
  } catch (error) {
    await stopServers(own);
    throw error;
  }
  return () => stopServers(own);
}

/** The tests' home, or the next one if another test run uses it. */
function freeHome(): Home {
  let home = testHome;
  for (let next = 2; takeHome(home) !== undefined; next += 1) home = homeAt(`${testHome.path}-${next}`);
  return home;
}

/** Runs `work` with test servers, and always stops them afterwards. Ctrl-C stops them too. */
export async function withTestServers<T>(work: () => Promise<T>, options?: TestServerOptions): Promise<T> {
  const stop = await startTestServers(options);
  const interrupted = () => void stop().finally(() => process.exit(130));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    return await work();
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
    await stop();
  }
}
