import { join } from 'node:path';
import { debianPackages, installLine, librariesOf, onPath } from './debian.ts';
import { Refusal } from '../runner/console.ts';
import { root } from '../runner/home.ts';
import { accepts } from '../runner/ports.ts';
import type { Program } from '../runner/processes.ts';
import type { ServerPlace } from './server-place.ts';

/** Redis in this place. It holds only hints, so it writes nothing to disk. */
export function redis(place: ServerPlace, port: number): Program {
  const { command, libraries } = findRedis(place);
  const data = place.folder('redis');
  return {
    name: 'redis',
    command,
    args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', data, '--save', '', '--appendonly', 'no'],
    env: { PATH: process.env['PATH'] ?? '', ...(libraries && { LD_LIBRARY_PATH: libraries }) },
    cwd: data,
    account: place.account,
    isReady: () => accepts(port),
    readyWithinMs: 20_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 5000,
  };
}

interface RedisProgram {
  readonly command: string;
  readonly libraries?: string;
}

function findRedis(place: ServerPlace): RedisProgram {
  const system = onPath('redis-server');
  if (system) return { command: system };
  const at = place.program(debianPackages(join(root, '.local', 'redis'), ['redis-server', 'redis-tools'], missing));
  return { command: join(at, 'usr', 'bin', 'redis-server'), libraries: librariesOf(at) };
}

const missing = (why: string): Refusal =>
  new Refusal(
    `Redis is missing: looked for \`redis-server\` in ${process.env['PATH']} and for Debian's package (${why}).\n` +
      `Install: ${installLine('redis-server')} (macOS: brew install redis), or name a server in REDIS_URL.`,
  );
