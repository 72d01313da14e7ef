import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Refused } from '../operations.ts';

/** Which server, and which of its histories: after each restore and failover PostgreSQL counts a new timeline. */
export interface ServerIdentity {
  readonly systemIdentifier: string;
  readonly timeline: number;
}

/** WAL without a gap, and the bases that can be brought forward with it. A gap or another timeline begins the next series. */
export interface Series extends ServerIdentity {
  readonly path: string;
}

/** A base that is whole: one that is not has another name. */
export interface Base {
  readonly path: string;
  readonly series: Series;
  /** RFC 3339, by the server's clock. It can be restored as of its end at the earliest. */
  readonly began: string;
  readonly ended: string;
  readonly bytes: number;
  /** The first file of WAL that it needs. */
  readonly firstSegment: string;
  /** Who may do everything in this server. */
  readonly superuser: string;
  readonly database: string;
}

/** A restore that ended well, and who asked for it. */
export interface RestoreTest {
  readonly at: string;
  readonly base: string;
  readonly seconds: number;
  readonly by: string;
  readonly why: string;
}

export const walOf = ({ path }: Series): string => join(path, 'wal');
export const basesFolder = ({ path }: Series): string => join(path, 'bases');

/** False for a series of single bases, which nothing has followed. */
export const hasWal = (series: Series): boolean => readdirSync(walOf(series)).length > 0;

/** A name that sorts by time. */
export const stamp = (time = new Date()): string => time.toISOString().replaceAll(/[-:.]/g, '');

/** Every series, the newest first. Throws `Refused` for a folder of another server. */
export function seriesOf(dir: string, systemIdentifier?: string): Series[] {
  const all = listed(dir).map((name) => ({ ...readJson<ServerIdentity>(join(dir, name, 'series.json')), path: join(dir, name) }));
  const foreign = all.find((each) => systemIdentifier !== undefined && each.systemIdentifier !== systemIdentifier);
  if (foreign) {
    throw new Refused(
      `${foreign.path} is of the server ${foreign.systemIdentifier}, and the database is of ${systemIdentifier}.\n` +
        'Two servers have two folders: name another one in BACKUP_DIR, or move this one away.',
    );
  }
  return all;
}

/** Begins a series: from now on it is the newest. */
export function newSeries(dir: string, identity: ServerIdentity): Series {
  const name = stamp();
  const fresh = join(dir, `.${name}`);
  for (const folder of ['bases', 'wal']) mkdirSync(join(fresh, folder), { recursive: true, mode: 0o700 });
  writeDurably(join(fresh, 'series.json'), { systemIdentifier: identity.systemIdentifier, timeline: identity.timeline });
  renameDurably(fresh, join(dir, name));
  return { ...identity, path: join(dir, name) };
}

/** The bases of a series, the newest first. */
export const basesOf = (series: Series): Base[] =>
  listed(basesFolder(series)).map((name) => {
    const path = join(basesFolder(series), name);
    return { ...readJson<Omit<Base, 'path' | 'series'>>(join(path, 'base.json')), path, series };
  });

/** Every base of the folder, the newest first. */
export const allBases = (dir: string): Base[] => seriesOf(dir).flatMap(basesOf);

/** Removes all bases but the newest `keep`, series that have none left, and WAL that no base needs. Returns the paths of the bases. */
export function prune(dir: string, keep: number): string[] {
  const [current, ...older] = seriesOf(dir);
  const gone = allBases(dir).slice(keep);
  for (const { path } of gone) remove(path);
  for (const series of older) if (basesOf(series).length === 0) remove(series.path);
  if (current) pruneWal(current);
  return gone.map(({ path }) => path);
}

function pruneWal(series: Series): void {
  const needed = basesOf(series).at(-1)?.firstSegment;
  if (needed === undefined) return;
  const before = readdirSync(walOf(series)).filter((name) => /^[0-9A-F]{24}$/.test(name) && name < needed);
  for (const name of before) rmSync(join(walOf(series), name));
}

/** A line for each restore: the store that it restored may never open again. */
const restoresFile = (dir: string): string => join(dir, 'restores.ndjson');

export function noteRestore(dir: string, test: RestoreTest): void {
  appendFileSync(restoresFile(dir), `${JSON.stringify(test)}\n`, { mode: 0o600, flush: true });
}

/** The last one that is noted whole. */
export function lastRestore(dir: string): RestoreTest | undefined {
  const text = existsSync(restoresFile(dir)) ? readFileSync(restoresFile(dir), 'utf8') : '';
  const last = text.slice(0, text.lastIndexOf('\n')).split('\n').at(-1);
  return last ? (JSON.parse(last) as RestoreTest) : undefined;
}

/** Writes it whole or not at all: under another name, and renamed once the disk has it. */
export function writeDurably(path: string, value: object): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  sync(`${path}.new`);
  renameDurably(`${path}.new`, path);
}

/** Renames, and waits until the disk knows it. */
export function renameDurably(from: string, to: string): void {
  sync(from);
  renameSync(from, to);
  sync(dirname(to));
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  fsyncSync(file);
  closeSync(file);
}

/** Half of a folder must never look like a whole one: it loses its name first. */
function remove(path: string): void {
  const gone = join(dirname(path), `.gone-${stamp()}`);
  renameSync(path, gone);
  rmSync(gone, { recursive: true, force: true });
}

/** Whole folders, the newest first; names that begin with a dot are of what is being made or removed. */
const listed = (folder: string): string[] =>
  (existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [])
    .filter((each) => each.isDirectory() && /^\d{8}T/.test(each.name))
    .map(({ name }) => name)
    .sort()
    .reverse();

const readJson = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;
