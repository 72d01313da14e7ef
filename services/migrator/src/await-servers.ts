import { once } from 'node:events';
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
async function faultOf({ host, port }: Address): Promise<string | undefined> {
  const socket = connect({ host, port });
  const signal = AbortSignal.timeout(2000);
  const connected = once(socket, 'connect', { signal }).then(() => undefined);
  const fault = (error: Error): string => (signal.aborted ? `${host}:${port} is silent` : error.message);
  return connected.catch(fault).finally(() => socket.destroy());
}

/** The address in a URL or in `host:port`. */
export function addressOf(text: string, usualPort: number): Address {
  const { hostname, port } = new URL(text.includes('://') ? text : `tcp://${text}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || usualPort) };
}
