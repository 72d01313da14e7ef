import { logger } from '@tradecore/telemetry';
import type { Config } from './config.ts';

const log = logger('service');

/** What is needed to stop a running service. */
interface Stoppable {
  readonly config: Pick<Config, 'STOP_LIMIT'>;
  stop(): Promise<void>;
}

/** What keeps the process alive, counted: `{ TCPSocketWrap: 3, Timeout: 1 }`. */
function whatHangs(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const each of process.getActiveResourcesInfo()) counts[each] = (counts[each] ?? 0) + 1;
  return counts;
}

function giveUp(why: string): never {
  log.fatal({ hanging: whatHangs() }, why);
  process.exit(1);
}

async function stop(service: Stoppable): Promise<never> {
  const limit = service.config.STOP_LIMIT;
  setTimeout(() => giveUp(`not stopped within ${limit} ms`), limit).unref();
  try {
    await service.stop();
  } catch (error) {
    log.fatal({ err: error }, 'stopping failed');
    process.exit(1);
  }
  process.exit(0);
}

/**
 * SIGTERM and SIGINT stop the service; past STOP_LIMIT, or at a second signal, the process exits with 1 and logs what
 * hung.
 * While it starts (`started()` is undefined) nothing is in flight: it exits at once, with 0.
 */
export function stopOnSignals(started: () => Stoppable | undefined): void {
  let stopping = false;
  const onSignal = (signal: string): void => {
    if (stopping) giveUp(`a second ${signal}: exiting before everything was drained`);
    stopping = true;
    const service = started();
    log.info({ signal }, service ? 'stopping' : 'stopped while starting');
    if (!service) process.exit(0);
    void stop(service);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
