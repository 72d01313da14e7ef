import { startTestServers } from './test-servers.ts';

/** Before the tests that need servers: those that the environment names, the rest started here. */
export default async function setUp() {
  const stop = await startTestServers();
  globalThis.stopTestServers = stop;
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stop().finally(() => process.exit(130)));
}
