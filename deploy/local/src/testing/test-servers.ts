import type { Step } from '../runner/console.ts';
import { homeAt, testHome, type Home } from '../runner/home.ts';
import { endedBySignal, interruptible } from '../runner/interruption.ts';
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
  const stop = endedBySignal(() => stopServers(own));
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
    await stop();
    throw error;
  }
  return stop;
}

/** The tests' home, or the next one if another test run uses it. */
function freeHome(): Home {
  let home = testHome;
  for (let next = 2; takeHome(home) !== undefined; next += 1) home = homeAt(`${testHome.path}-${next}`);
  return home;
}

/** Runs `work` with test servers, and always stops them afterwards. A signal stops them too, and what `work` has started: `endedBySignal`. */
export const withTestServers = <T>(work: () => Promise<T>, options?: TestServerOptions): Promise<T> =>
  interruptible(async () => {
    const stop = await startTestServers(options);
    return work().finally(stop);
  });
