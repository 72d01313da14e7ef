import { startService, type RunningService, type ServiceOptions } from './run/run-service.ts';

const rate = '1000000/1000000';

/** Settings without rate limits, for tests that measure or test something else. */
export const unlimited: Readonly<Record<string, string>> = {
  ...{ LIMIT_ORDERS: rate, LIMIT_CANCELS: rate, LIMIT_WRITES: rate, LIMIT_READS: rate },
  ...{ LIMIT_OPEN_ORDERS: '100000', LIMIT_ACCOUNTS: '1000000' },
};

const calm = { NODE_ENV: 'test', LOG_LEVEL: 'error', PORT: '0', ADMIN_PORT: '0', START_LIMIT: '5000', GAUGES_REFRESH: '100' };

/**
 * Starts a service inside the test, on free ports, without limits, logging nothing below `error`. `stop()` it at the
 * end.
 */
export const startTestService = (options: ServiceOptions, env: Readonly<Record<string, string>>): Promise<RunningService> =>
  startService(options, { ...calm, ...unlimited, ...env });
