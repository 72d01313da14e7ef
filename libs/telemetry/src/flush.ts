const flushes: (() => Promise<void>)[] = [];

/** Says how spans not yet sent are sent; `start.ts` does, when OpenTelemetry is loaded. */
export const onFlush = (flush: () => Promise<void>): void => void flushes.push(flush);

/** Sends what telemetry still holds; the last step of a graceful stop. */
export const flushTelemetry = async (): Promise<void> => void (await Promise.allSettled(flushes.map((flush) => flush())));
