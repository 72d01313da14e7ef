const flushes: (() => Promise<void>)[] = [];

/** Registers a function that sends pending spans; `start.ts` does so when OpenTelemetry is loaded. */
export const onFlush = (flush: () => Promise<void>): void => void flushes.push(flush);

/** Whether spans have a destination: only then may they cost a question. */
export const isTracing = (): boolean => flushes.length > 0;

/** Sends pending telemetry; the last step of a graceful stop. */
export const flushTelemetry = async (): Promise<void> => void (await Promise.allSettled(flushes.map((flush) => flush())));
