import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal } from '../runner/console.ts';
import { root } from '../runner/home.ts';
import { accepts } from '../runner/ports.ts';
import type { Program } from '../runner/processes.ts';
import type { ServerPlace } from './server-place.ts';

/** Redis in this place. It holds hints only, so that it writes nothing to disk. */
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
  const system = (process.env['PATH'] ?? '')
    .split(':')
    .map((folder) => join(folder, 'redis-server'))
    .find(existsSync);
  if (system) return { command: system };
  const unpacked = join(root, '.local', 'redis');
  if (!existsSync(join(unpacked, '.complete'))) unpackDebian(unpacked);
  const at = place.program(join(unpacked, 'root'));
  const folders = [join(at, 'usr', 'lib'), join(at, 'lib')].filter(existsSync).flatMap((lib) => [lib, ...triplets(lib)]);
  return { command: join(at, 'usr', 'bin', 'redis-server'), libraries: folders.join(':') };
}

const triplets = (lib: string) =>
  readdirSync(lib)
    .filter((name) => name.includes('-linux-'))
    .map((name) => join(lib, name));

/** Debian's package and what it needs that is not there, unpacked into a folder: no root and no change of the system. */
function unpackDebian(target: string): void {
  rmSync(target, { recursive: true, force: true });
  for (const folder of ['lists/partial', 'cache/archives/partial', 'debs', 'root'])
    mkdirSync(join(target, folder), { recursive: true });
  const own = [`Dir::State::Lists=${join(target, 'lists')}`, `Dir::Cache=${join(target, 'cache')}`, 'APT::Sandbox::User='];
  const options = own.flatMap((option) => ['-o', option]);
  apt(['apt-get', ...options, '-q', 'update'], target);
  const plan = apt(['apt-get', ...options, '--simulate', '--no-install-recommends', 'install', 'redis-server'], target);
  const packages = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name ?? '');
  apt(['apt-get', ...options, '-q', 'download', ...new Set(['redis-server', 'redis-tools', ...packages])], join(target, 'debs'));
  for (const file of readdirSync(join(target, 'debs'))) {
    apt(['dpkg', '-x', join(target, 'debs', file), join(target, 'root')], target);
  }
  for (const folder of ['lists', 'cache', 'debs']) rmSync(join(target, folder), { recursive: true, force: true });
  writeFileSync(join(target, '.complete'), '');
}

function apt([command = '', ...args]: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout;
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  throw new Refusal(
    `Redis is missing: looked for \`redis-server\` in ${process.env['PATH']} and for Debian's package (\`${command} ${args.at(-1)}\`: ${(error?.message ?? stderr).trim()}).\n` +
      `Install: ${sudo}apt-get install -y redis-server (macOS: brew install redis), or name a server in REDIS_URL.`,
  );
}
