import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { environment } from '@tradecore/service/config';
import { Refused } from '../operations.ts';
import type { BackupSettings } from './settings.ts';

/** The account of the operating system that a program runs under. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** How a program of PostgreSQL is run. */
export interface ProgramRun {
  readonly args: readonly string[];
  /** Over our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The account; our own when absent. */
  readonly account?: Account | undefined;
  /** Gets each line that it says. */
  readonly onLine?: (line: string) => void;
}

/** What of a program's words is kept for whoever reads about its failure. */
const keptLines = 15;
const debian = '/usr/lib/postgresql';

/** PostgreSQL's own programs: they take backups and restore them, we say when and where. */
export class PostgresPrograms {
  readonly #folder: string;
  readonly #libraries: string;

  constructor({ POSTGRES_PROGRAMS: named, POSTGRES_LIBRARIES: libraries }: BackupSettings) {
    this.#folder = named === '' ? find() : named;
    this.#libraries = libraries;
    if (!isWhole(this.#folder)) throw new Refused(`POSTGRES_PROGRAMS is ${named}: pg_basebackup is not there.`);
  }

  /** Starts one; `lastWords` are the end of what it has said. */
  start(name: string, { args, env = {}, account, onLine }: ProgramRun): { child: ChildProcess; lastWords: () => string } {
    const libraries = this.#libraries === '' ? {} : { LD_LIBRARY_PATH: this.#libraries };
    const child = spawn(join(this.#folder, name), args, {
      env: { ...environment(), LC_ALL: 'C', ...libraries, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
      ...account,
    });
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream?.setEncoding('utf8').on('data', (text: string) => {
        const parts = `${rest}${text}`.split(/[\r\n]/);
        rest = (parts.pop() ?? '').slice(0, 4096);
        for (const line of parts.filter(Boolean)) {
          lines.push(line);
          if (lines.length > keptLines) lines.shift();
          onLine?.(line);
        }
      });
    }
    child.on('error', (error) => lines.push(error.message));
    return { child, lastWords: () => lines.join('\n') };
  }

  /** Runs one to its end. Throws `Refused` with its last words where it failed. */
  async run(name: string, options: ProgramRun): Promise<void> {
    const { child, lastWords } = this.start(name, options);
    const code = await endOf(child);
    if (code !== 0) throw new Refused(`${name} ended with ${code ?? 'a signal'}:\n${lastWords()}`);
  }
}

/** Resolves with the exit code once it has ended and all its words are read; null for a signal, or where it could not be started. */
export const endOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    child.once('error', () => resolve(null));
    child.once('close', resolve);
  });

/** An address for libpq: its password goes through the environment, where no list of processes shows it; without one ours holds. */
export function libpq(url: string): { readonly target: string; readonly env: Readonly<Record<string, string>> } {
  const address = new URL(url);
  const password = decodeURIComponent(address.password);
  address.password = '';
  return { target: address.href, env: password === '' ? {} : { PGPASSWORD: password } };
}

/** PostgreSQL refuses root: then its programs run as who owns its folder of data, or the place where that is to be. */
export function accountOf(data: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = statSync(existsSync(data) ? data : dirname(data));
  if (uid !== 0) return { uid, gid };
  throw new Refused(
    `PostgreSQL refuses root, and ${data} would belong to it. Make the folder for PostgreSQL's account: install -d -m 700 -o postgres ${data}`,
  );
}

function find(): string {
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((one, other) => Number(other) - Number(one)) : [];
  const places = [...(environment()['PATH'] ?? '').split(':'), ...versions.map((version) => join(debian, version, 'bin'))];
  const found = places.find((folder) => folder !== '' && isWhole(folder));
  if (found !== undefined) return found;
  throw new Refused(
    `pg_basebackup is missing: looked on the PATH and in ${debian}.\n` +
      "Install PostgreSQL of the server's version (Debian: apt-get install -y postgresql), or name its folder in POSTGRES_PROGRAMS.",
  );
}

const isWhole = (folder: string): boolean => existsSync(join(folder, 'pg_basebackup'));
