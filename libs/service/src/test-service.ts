import { startService, type RunningService, type ServiceOptions } from './run-service.ts';

/** Starts a service inside the test, on free ports, logging nothing below `error`. `stop()` it at the end. */
export const startTestService = (options: ServiceOptions, env: Readonly<Record<string, string>>): Promise<RunningService> =>
  startService(options, { NODE_ENV: 'test', LOG_LEVEL: 'error', PORT: '0', ADMIN_PORT: '0', START_LIMIT: '5000', ...env });
