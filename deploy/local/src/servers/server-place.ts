import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { Refusal } from '../runner/console.ts';
import type { Home } from '../runner/home.ts';
import type { Account } from '../runner/processes.ts';

/** The servers' folder, and the account that they run under. */
export interface ServerPlace {
  readonly path: string;
  /** Set if this process is root: PostgreSQL refuses root, and the others don't need it. */
  readonly account: Account | undefined;
  /** A path to a program that the account can read: the given one, or a copy. */
  readonly program: (path: string) => string;
  /** A folder owned by the account. */
  readonly folder: (name: string) => string;
}

const accountName = 'tradecore';

/**
 * The place of a home's servers: for an ordinary user the home. Root gives them their own account; if that account
 * can't reach the home (a checkout below /root), they use /var/lib/tradecore instead.
 */
export function serverPlace(home: Home): ServerPlace {
  const account = process.getuid?.() === 0 ? ownAccount() : undefined;
  mkdirSync(home.data, { recursive: true });
  const reaches = (path: string) => account === undefined || canRead(account, path);
  const path = reaches(home.data) ? home.data : elsewhere(home);
  mkdirSync(path, { recursive: true, mode: 0o755 });
  // Names the folder's home, also after the checkout is gone.
  if (path !== home.data) writeFileSync(join(path, ownerFile), `${home.path}\n`);
  return {
    path,
    account,
    program: (original) => (reaches(original) ? original : copyOf(original, join(path, 'programs'))),
    folder: (name) => {
      const folder = join(path, name);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (account) chownSync(folder, account.uid, account.gid);
      return folder;
    },
  };
}

/** The servers' folder if their account can't reach the home. `npm run reset` empties it too. */
export function elsewhere(home: Home): string {
  return join(dataRoot, createHash('sha256').update(home.path).digest('hex').slice(0, 12));
}

const dataRoot = '/var/lib/tradecore';
const ownerFile = 'home';

/** A data folder outside its home. */
export interface DataElsewhere {
  readonly path: string;
  /** The home named in the folder; undefined if it names none. */
  readonly home: string | undefined;
  /** Its home is gone: it is unused, and no reset finds it. */
  readonly isOrphan: boolean;
  /** A process that works in it. */
  readonly usedBy: number | undefined;
}

/** Every data folder outside the homes, on this machine. */
export function allElsewhere(parent = dataRoot): DataElsewhere[] {
  if (!existsSync(parent)) return [];
  return readdirSync(parent, { withFileTypes: true })
    .filter((each) => each.isDirectory() && /^[0-9a-f]{12}$/.test(each.name))
    .map(({ name }) => {
      const path = join(parent, name);
      const file = join(path, ownerFile);
      const home = (existsSync(file) && readFileSync(file, 'utf8').trim()) || undefined;
      return { path, home, isOrphan: home !== undefined && !existsSync(home), usedBy: userOf(path) };
    });
}

/** A process that was started in the folder or with a path in it; found only on Linux. */
function userOf(folder: string): number | undefined {
  const pids = existsSync('/proc/self') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  const uses = (pid: string): boolean => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return [...words, readlinkSync(`/proc/${pid}/cwd`)].some((each) => `${each}/`.includes(`${folder}/`));
    } catch {
      return false; // it has ended, or belongs to another user
    }
  };
  const found = pids.find(uses);
  return found === undefined ? undefined : Number(found);
}

function ownAccount(): Account {
  const found = lookUp();
  if (found) return found;
  spawnSync('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', accountName]);
  const made = lookUp();
  if (made) return made;
  throw new Refusal(
    `PostgreSQL does not run as root, and the account "${accountName}" could not be made. Make it: useradd --system ${accountName}`,
  );
}

function lookUp(): Account | undefined {
  const ask = (flag: string) => spawnSync('id', [flag, accountName], { encoding: 'utf8' });
  const [uid, gid] = [ask('-u'), ask('-g')];
  return uid.status === 0 && gid.status === 0 ? { uid: Number(uid.stdout), gid: Number(gid.stdout) } : undefined;
}

function canRead(account: Account, path: string): boolean {
  return spawnSync('/bin/sh', ['-c', 'test -r "$0"', path], { ...account, cwd: '/', stdio: 'ignore' }).status === 0;
}

function copyOf(original: string, programs: string): string {
  const copy = join(programs, `${basename(original)}-${createHash('sha256').update(original).digest('hex').slice(0, 8)}`);
  if (existsSync(copy)) return copy;
  rmSync(`${copy}.new`, { recursive: true, force: true });
  cpSync(original, `${copy}.new`, { recursive: true, verbatimSymlinks: true });
  renameSync(`${copy}.new`, copy);
  return copy;
}
