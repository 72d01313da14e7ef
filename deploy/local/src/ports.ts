import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import type { Home } from './home.ts';

/** Ports by name; 0 in a wish means any. */
export type Ports = Readonly<Record<string, number>>;

/**
 * Gives each name a free port: the one that this home had before, else the one it wishes, else any.
 * So that a fleet keeps its addresses, and two fleets live side by side.
 */
export async function choosePorts(home: Home, wishes: Ports): Promise<Ports> {
  const file = join(home.path, 'ports.json');
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Ports) : {};
  const chosen: Record<string, number> = {};
  for (const [name, wish] of Object.entries(wishes)) {
    const taken = new Set(Object.values(chosen));
    chosen[name] = await firstFree([before[name] ?? wish, wish], taken);
  }
  mkdirSync(home.path, { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...before, ...chosen }, null, 2)}\n`);
  return chosen;
}

/** True if nobody listens on this port of the loopback address. */
export async function isFree(port: number): Promise<boolean> {
  return (await listenOn(port)) !== undefined;
}

async function firstFree(candidates: readonly number[], taken: ReadonlySet<number>): Promise<number> {
  for (const port of candidates) {
    if (port !== 0 && !taken.has(port) && (await isFree(port))) return port;
  }
  let any = await listenOn(0);
  while (any === undefined || taken.has(any)) any = await listenOn(0);
  return any;
}

function listenOn(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}

/** True if somebody accepts connections there. */
export function accepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host, timeout: 1000 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}
