/** After the tests: stops the servers that the set-up started. */
export default async function tearDown() {
  await globalThis.stopTestServers?.();
}
