import { startTestServers } from './test-servers.ts';

/** Before tests that need servers: uses those named in the environment, starts the rest. */
export default async function setUp() {
  const stop = await startTestServers();
  globalThis.stopTestServers = stop;
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stop().finally(() => process.exit(130)));
}
