import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { basesFolder, renameDurably, stamp, writeDurably, type Base, type Series } from './folder.ts';
import { libpq, type PostgresPrograms } from './programs.ts';
import type { BackedUpServer } from './server.ts';

/** A base is made by. */
export interface BaseMaker {
  readonly server: BackedUpServer;
  readonly programs: PostgresPrograms;
  /** The reason, kept with the record of the base. */
  readonly why: string;
}

/**
 * Takes a base of the series: all files, and the WAL that makes them one moment. It gets its name when the disk has all of it, so that
 * `kill -9` leaves a base that is whole, or none.
 */
export async function takeBase(
  { server, programs, why }: BaseMaker,
  series: Series,
  onLine?: (line: string) => void,
): Promise<Base> {
  const folder = basesFolder(series);
  await clearKilled(folder);
  const { now: began, superuser, database } = await server.state();
  const name = stamp();
  const fresh = join(folder, `.${name}-${process.pid}`);
  const data = join(fresh, 'data');
  mkdirSync(fresh, { recursive: true, mode: 0o700 });
  try {
    const { target, env } = libpq(server.url);
    const how = ['--format=plain', '--wal-method=stream', '--checkpoint=fast', '--manifest-checksums=SHA256'];
    const args = ['-d', target, '-D', data, ...how, '--no-password', '--progress'];
    await programs.run('pg_basebackup', { args, env, ...(onLine && { onLine }) });
    const { now: ended } = await server.state();
    const facts = { began, ended, bytes: bytesIn(data), firstSegment: firstSegmentOf(data), superuser, database };
    writeDurably(join(fresh, 'base.json'), facts);
    renameDurably(fresh, join(folder, name));
    await server.record(join(folder, name), facts.bytes, why);
    return { ...facts, path: join(folder, name), series };
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
}

/** What a killed run has left. One that is at work at this moment keeps its own. */
async function clearKilled(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    const pid = /^\..+-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await remove(join(folder, name));
  }
}

/**
 * The pg_basebackup of a killed run goes on until it misses a folder. Where it writes a file meanwhile, Node's rmSync returns
 * and leaves the rest; one that has only just started makes the folder anew, also after a rename. So it is repeated.
 */
async function remove(path: string): Promise<void> {
  for (let tries = 0; existsSync(path) && tries < 50; tries += 1) {
    rmSync(path, { recursive: true, force: true });
    await sleep(100);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** As its label says: `START WAL LOCATION: 0/2000028 (file 000000010000000000000002)`. */
function firstSegmentOf(data: string): string {
  const [, segment] =
    /START WAL LOCATION: .*\(file ([0-9A-F]{24})\)/.exec(readFileSync(join(data, 'backup_label'), 'utf8')) ?? [];
  if (segment === undefined) throw new Error(`${data} has no label that says where its WAL begins`);
  return segment;
}

/** The size of a folder with all that is in it. */
export function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
