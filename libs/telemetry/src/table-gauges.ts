import { setTimeout as sleep } from 'node:timers/promises';
import { logger } from './logger.ts';
import { gauge } from './metrics.ts';

const log = logger('gauges');
const refreshed = gauge({
  name: 'tradecore_gauges_refreshed_timestamp_seconds',
  help: 'When gauges of what tables and topics hold were last read, in seconds since 1970; 0: never.',
  labels: { of: [] },
  atMost: 10,
});

/**
 * Reads gauges of what a server holds now and again every `everyMs`, so that no scrape asks a server; `of` names them.
 * While a read fails the last figures stay, and the time of the last one says so. Returns what ends it.
 */
export function keepRefreshed(of: string, read: () => Promise<void>, everyMs: number): () => Promise<void> {
  const stopping = new AbortController();
  refreshed.set({ of }, 0);
  const repeat = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await read().then(
        () => refreshed.set({ of }, Date.now() / 1000),
        (error: unknown) => log.warn({ err: error, of }, 'gauges could not be read; the last figures stay'),
      );
      await sleep(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const ended = repeat();
  return () => {
    stopping.abort();
    return ended;
  };
}
