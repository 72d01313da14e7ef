import { logger } from '@tradecore/telemetry';
import type { RunningService } from './run-service.ts';

const log = logger('service');

/** What keeps the process alive, counted: `{ TCPSocketWrap: 3, Timeout: 1 }`. */
function whatHangs(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const each of process.getActiveResourcesInfo()) counts[each] = (counts[each] ?? 0) + 1;
  return counts;
}

/** SIGTERM and SIGINT stop the service; past STOP_LIMIT, or at a second signal, the process ends with 1 and says what hung. */
export function stopOnSignals(service: RunningService): void {
  let stopping = false;
  const giveUp = (why: string): never => {
    log.fatal({ hanging: whatHangs() }, why);
    process.exit(1);
  };
  const stop = (signal: string): void => {
    if (stopping) giveUp(`a second ${signal}: ended before all was drained`);
    stopping = true;
    log.info({ signal }, 'stopping');
    const limit = service.config.STOP_LIMIT;
    setTimeout(() => giveUp(`not stopped within ${limit} ms`), limit).unref();
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.fatal({ err: error }, 'the stop failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
