import { SessionsShared } from '@tradecore/event-sourcing';
import { describeProcess, flushTelemetry, logger, runningRelease as version } from '@tradecore/telemetry';
import { ConfigFaults, environment, readConfig, type Config, type Server, type Shape } from './config.ts';

const log = logger('service');

/** Sets the service's name, version and log level for its logs. */
export const describe = (service: string, { LOG_LEVEL: level, REVISION: revision }: Config): void =>
  describeProcess({ service, version, level, revision });

/** Ends a failed start: wrong settings exit with 78 and a list for people, anything else with 1 and a log line. */
export function refuseToStart(error: unknown): never {
  if (error instanceof ConfigFaults || error instanceof SessionsShared) {
    process.stderr.write(`${error.message}\n`);
    process.exit(78);
  }
  log.fatal({ err: error }, 'could not start');
  process.exit(1);
}

/** An uncaught error is a bug: the process's state is safe in its servers, so it logs the reason and exits. */
export function crashOnBugs(): void {
  process.once('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception; exiting');
    process.exit(1);
  });
}

/** A program that does one task and exits: the migrator, an operator's command. */
export interface ProgramOptions<S extends Shape> {
  readonly name: string;
  readonly uses: readonly Server[];
  readonly config?: S;
}

/** Reads the settings and runs `work` to its end: exit 0, 78 for wrong settings, 1 for a failure, which is logged. */
export async function runProgram<S extends Shape>(
  options: ProgramOptions<S>,
  work: (config: Config<S>) => Promise<void>,
): Promise<void> {
  const { name, uses, config: own } = options;
  try {
    const config = readConfig<S>({ uses, http: false, ...(own && { own }) }, environment());
    describe(name, config as Config);
    await work(config);
    await flushTelemetry();
  } catch (error) {
    refuseToStart(error);
  }
  process.exit(0);
}
