import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { logger } from '@tradecore/telemetry';

const log = logger('migrator');

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Waits until one of these addresses accepts connections: in a cluster the migrator is installed together with its
 * servers. Throws after `limitMs`.
 */
export async function awaitServer(name: string, addresses: readonly Address[], limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (let attempt = 1; ; attempt += 1) {
    const faults = await Promise.all(addresses.map(faultOf));
    const because = faults.join('; ');
    if (faults.includes(undefined)) return;
    if (performance.now() > deadline) throw new Error(`${name} does not accept connections after ${limitMs} ms: ${because}`);
    log.warn({ attempt }, `waiting for ${name}: ${because}`);
    await sleep(Math.min(100 * attempt, 2000));
  }
}

/** Why an address takes no connection; undefined if it does. */
function faultOf({ host, port }: Address): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const end = (fault?: string): void => {
      socket.destroy();
      resolve(fault);
    };
    socket.once('connect', () => end());
    socket.once('timeout', () => end(`${host}:${port} is silent`));
    socket.once('error', ({ message }) => end(message));
  });
}

/** The address in a URL or in `host:port`. */
export function addressOf(text: string, usualPort: number): Address {
  const { hostname, port } = new URL(text.includes('://') ? text : `tcp://${text}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || usualPort) };
}
