import type { Step } from '../runner/console.ts';
import { homeAt, testHome, type Home } from '../runner/home.ts';
import { stopLeftovers, takeHome, type Supervised } from '../runner/processes.ts';
import type { Durability } from '../servers/postgres.ts';
import { namedServers, startServers, stopServers } from '../servers/servers.ts';

const quiet: Step = async (_name, work) => work(() => {});

/** How our own servers run. */
export interface TestServerOptions {
  readonly step?: Step;
  /** `fast` when absent, without fsync: what a test kills is a process, never the machine. A bench wants `durable`. */
  readonly durability?: Durability;
}

/**
 * Servers for tests: those that the environment names, the rest our own, in a home of their own, on any free port. The environment names all
 * of them afterwards. Returns what stops ours.
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

/** The tests' home, or the next one where another run of the tests has it at this moment. */
function freeHome(): Home {
  let home = testHome;
  for (let next = 2; takeHome(home) !== undefined; next += 1) home = homeAt(`${testHome.path}-${next}`);
  return home;
}

/** Runs `work` beside test servers, and stops them after it, whatever happens. Ctrl-C stops them too. */
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
