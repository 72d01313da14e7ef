import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Home } from './home.ts';
import { isAlive } from './processes.ts';

/** Ports by name; 0 in a request means any. */
export type Ports = Readonly<Record<string, number>>;

/**
 * Gives each name a free port: the one that this home had before, else the requested one, else any. So a fleet keeps
 * its addresses, and two fleets can run side by side.
 */
export async function choosePorts(home: Home, requests: Ports): Promise<Ports> {
  const file = join(home.path, 'ports.json');
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Ports) : {};
  const chosen: Record<string, number> = {};
  for (const [name, request] of Object.entries(requests)) {
    chosen[name] = await firstFree([before[name] ?? request, request]);
  }
  mkdirSync(home.path, { recursive: true });
  writeFileSync(file, `${JSON.stringify({ ...before, ...chosen }, null, 2)}\n`);
  return chosen;
}

/** True if this port of the loopback address is free. */
export async function isFree(port: number): Promise<boolean> {
  return (await listenOn(port)) !== undefined;
}

/**
 * Reserves a port for this process until it ends. A fleet knows its ports seconds before it listens on them: without a
 * note visible to other runners, two that start at once would choose the same. False if it is taken.
 */
export async function takePort(port: number): Promise<boolean> {
  return (await isFree(port)) && noteDown(port);
}

const notes = join(tmpdir(), 'tradecore-ports');
const ours = new Set<string>();

function noteDown(port: number): boolean {
  const note = join(notes, String(port));
  if (!existsSync(notes)) {
    mkdirSync(notes, { recursive: true });
    chmodSync(notes, 0o1777); // for every user; only its writer can remove a note
  }
  try {
    if (existsSync(note) && !isAlive(Number(readFileSync(note, 'utf8')))) rmSync(note);
    writeFileSync(note, String(process.pid), { flag: 'wx' });
  } catch {
    return false; // another runner's
  }
  if (ours.size === 0) process.once('exit', () => ours.forEach((each) => rmSync(each, { force: true })));
  ours.add(note);
  return true;
}

async function firstFree(candidates: readonly number[]): Promise<number> {
  for (const port of candidates) if (port !== 0 && (await takePort(port))) return port;
  for (;;) {
    const any = await listenOn(0);
    if (any !== undefined && noteDown(any)) return any;
  }
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

/** True if a server accepts connections there. */
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
