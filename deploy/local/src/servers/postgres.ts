import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { findPrograms, majorVersion, type PostgresBuild, type PostgresPrograms } from './postgres-programs.ts';
import { Refusal } from '../runner/console.ts';
import type { Home } from '../runner/home.ts';
import type { Program } from '../runner/processes.ts';
import { password } from '../runner/secrets.ts';
import type { ServerPlace } from './server-place.ts';

const owner = 'tradecore';

/** PostgreSQL's durability: `durable` survives a power cut; `fast`, for tests, survives `kill -9` of any process. */
export type Durability = 'durable' | 'fast';

/** The owner's database address. */
export function postgresUrl(home: Home, port: number, database = 'tradecore'): string {
  return `postgres://${owner}:${password(home, 'postgres')}@127.0.0.1:${port}/${database}`;
}

/** How PostgreSQL runs here. */
export interface PostgresOptions {
  readonly port: number;
  readonly durability: Durability;
  readonly build: PostgresBuild;
}

/**
 * Limit of WAL kept for a backup that has not received it; beyond it, a full disk is worse than a gap in the backup.
 */
const keptForBackup = '4GB';

/** PostgreSQL in this place: initialises its folder at first start. */
export function postgres(home: Home, place: ServerPlace, { port, durability, build }: PostgresOptions): Program {
  const programs = findPrograms(place, build);
  const data = place.folder('postgres');
  if (existsSync(join(data, 'PG_VERSION'))) refuseOtherVersion(data, programs);
  else initialise(home, place, programs, { data, checksums: build === 'system' });
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '300',
    shared_buffers: '256MB',
    wal_level: 'replica',
    max_slot_wal_keep_size: keptForBackup,
    ...(durability === 'fast' && { fsync: 'off', full_page_writes: 'off' }),
  };
  return {
    name: 'postgres',
    command: join(programs.folder, 'postgres'),
    args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC', ...libraryPath(programs) },
    cwd: data,
    account: place.account,
    isReady: () => answers(postgresUrl(home, port, 'postgres')),
    readyWithinMs: 60_000,
    stopSignal: 'SIGINT', // "fast": ends sessions, writes a checkpoint
    stopWithinMs: 20_000,
  };
}

/** Creates the database if it does not exist. */
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

/** True if a session can be opened and queried. */
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

const libraryPath = ({ libraries }: PostgresPrograms): Record<string, string> =>
  libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries };

/** The files of one version do not fit another, and PostgreSQL's own message names no remedy. */
function refuseOtherVersion(data: string, programs: PostgresPrograms): void {
  const [made, here] = [Number(readFileSync(join(data, 'PG_VERSION'), 'utf8')), majorVersion(programs)];
  if (made === here) return;
  throw new Refusal(
    `The database in ${data} was made by PostgreSQL ${made}; ${programs.folder} has ${here}.\n` +
      'Start it as it was created (npm start, or npm start -- --postgres system), in another TRADECORE_HOME, or delete it: npm run reset.',
  );
}

/** A new data folder. Without checksums a page corrupted by the disk goes unnoticed, and into the backup. */
interface Folder {
  readonly data: string;
  readonly checksums: boolean;
}

function initialise(home: Home, place: ServerPlace, programs: PostgresPrograms, { data, checksums }: Folder): void {
  const file = join(place.path, '.password');
  writeFileSync(file, password(home, 'postgres'), { mode: 0o600 });
  if (place.account) chownSync(file, place.account.uid, place.account.gid);
  const secure = ['-A', 'scram-sha-256', `--pwfile=${file}`, ...(checksums ? ['--data-checksums'] : [])];
  const args = ['-D', data, '-U', owner, ...secure, '-E', 'UTF8', '--locale=C'];
  const env = { ...process.env, ...libraryPath(programs) };
  const command = join(programs.folder, 'initdb');
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', cwd: data, env, ...place.account });
  rmSync(file);
  if (status === 0) return;
  for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true, force: true });
  throw new Refusal(`PostgreSQL's folder could not be initialised (${command}):\n${error?.message ?? stderr}`);
}
