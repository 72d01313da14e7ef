import {
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import type { DatabaseClient } from '@tradecore/event-sourcing';
import { bytesIn } from './base.ts';
import { allBases, noteRestore, renameDurably, seriesOf, walOf, type Base } from './folder.ts';
import { Refused } from '../operations.ts';
import { accountOf, type Account, type PostgresPrograms } from './programs.ts';
import { recover } from './recovery.ts';

/** What is asked for. */
export interface RestoreOptions {
  readonly dir: string;
  /** The folder of data that PostgreSQL will start on; empty, or not there. */
  readonly into: string;
  /** RFC 3339; the latest when absent. */
  readonly to?: string;
  /** For a look beside the live one: a store of another name, which stays closed. */
  readonly aside: boolean;
  /** The reason, kept with the record of the restore. */
  readonly why: string;
  readonly programs: PostgresPrograms;
  readonly say: (text: string) => void;
}

/** What came of it. */
export interface Restored {
  readonly base: string;
  /** The time of the last transaction that is in it; null where none came after the base. */
  readonly reached: string | null;
  readonly timeline: number;
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Restores a base and the WAL after it into a folder. The store is closed before anyone can see it: it does not know what it had said after the
 * moment that it was restored to. The folder gets its name when all is done. Throws `Refused`.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { dir, to, programs, say } = options;
  const into = existsSync(options.into) ? realpathSync(options.into) : options.into;
  const began = Date.now();
  refuseUsed(into);
  const base = chooseBase(dir, to);
  const account = accountOf(into);
  say(`the base of ${base.ended}, ${megabytes(base.bytes)}: its checksums are compared`);
  await programs.run('pg_verifybackup', { args: ['--no-parse-wal', '--quiet', join(base.path, 'data')] });
  const data = `${into}.restoring`;
  await clearKilled(data, programs);
  say('it is copied');
  copy(base, data);
  if (account) give(data, account);
  await programs.run('initdb', { args: ['--sync-only', '-D', data], account });
  say(to === undefined ? 'the WAL after it is applied' : `the WAL after it is applied, up to ${to}`);
  const onLine = walProgress(say);
  const wal = readableWal(base, `${data}.wal`, account);
  const recovery = { base, data, wal, programs, account, onLine, ...(to !== undefined && { to }) };
  const found = await recover(recovery, (client) => closeStore(client, options));
  rmSync(`${data}.wal`, { recursive: true, force: true });
  const bytes = bytesIn(data);
  giveName(data, into);
  const seconds = (Date.now() - began) / 1000;
  const { why } = options;
  noteRestore(dir, { at: new Date().toISOString(), base: base.path, seconds, by: actor(), why, ...argumentsOf(options) });
  return { base: base.path, ...found, bytes, seconds };
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

function refuseUsed(into: string): void {
  if (!existsSync(into) || readdirSync(into).length === 0) return;
  throw new Refused(
    `${into} holds data. A restore never writes over any: stop PostgreSQL, move the folder away (mv ${into} ${into}.before), and restore again.`,
  );
}

/** Replaces an empty folder and nothing else: what came into it during the restore stays. */
function giveName(data: string, into: string): void {
  try {
    renameDurably(data, into);
  } catch (error) {
    throw new Refused(
      `The restored data are whole, in ${data}, but can't be moved to ${into}: ${(error as Error).message}. A restore never writes over any data. ` +
        `Nothing has to be restored again: stop what uses ${into}, move it away (mv ${into} ${into}.before), then: mv ${data} ${into}`,
    );
  }
}

/** The newest that had ended by then. */
function chooseBase(dir: string, to: string | undefined): Base {
  const bases = allBases(dir);
  const base = bases.find(({ ended }) => to === undefined || Date.parse(ended) <= Date.parse(to));
  if (base) return base;
  if (bases.length === 0) throw new Refused(`${dir} has no base. Is it the folder of tradecore backup?`);
  throw new Refused(
    `The first moment that can be restored is ${bases.at(-1)?.ended}, when the oldest base had ended; --to was ${to}.`,
  );
}

/** What a killed restore has left: perhaps a PostgreSQL that still runs. */
async function clearKilled(data: string, programs: PostgresPrograms): Promise<void> {
  if (!existsSync(data)) return;
  if (existsSync(join(data, 'postmaster.pid'))) {
    const account = accountOf(data);
    await programs.run('pg_ctl', { args: ['stop', '-D', data, '-m', 'immediate'], account }).catch(() => undefined);
  }
  rmSync(data, { recursive: true, force: true });
}

/** Shares the disk's blocks with the base where the file system can. The names of all timelines come along: a new one must have a new number. */
function copy({ path, series }: Base, data: string): void {
  cpSync(join(path, 'data'), data, { recursive: true, mode: constants.COPYFILE_FICLONE, preserveTimestamps: true });
  chmodSync(data, 0o700);
  rmSync(join(data, 'backup_manifest'), { force: true });
  mkdirSync(join(data, 'pg_wal'), { recursive: true });
  for (const each of seriesOf(dirname(series.path))) {
    for (const name of readdirSync(walOf(each)).filter((file) => file.endsWith('.history'))) {
      copyFileSync(join(walOf(each), name), join(data, 'pg_wal', name));
    }
  }
}

/** Another account can't look into our folder: it gets a copy of the WAL that the base needs. */
function readableWal({ series, firstSegment }: Base, copied: string, account: Account | undefined): string {
  const wal = walOf(series);
  if (!account) return wal;
  rmSync(copied, { recursive: true, force: true });
  mkdirSync(copied, { mode: 0o700 });
  for (const name of readdirSync(wal).filter((file) => file >= firstSegment || file.endsWith('.history'))) {
    copyFileSync(join(wal, name), join(copied, name), constants.COPYFILE_FICLONE);
  }
  give(copied, account);
  return copied;
}

function give(folder: string, { uid, gid }: Account): void {
  chownSync(folder, uid, gid);
  for (const { parentPath, name } of readdirSync(folder, { recursive: true, withFileTypes: true }))
    chownSync(join(parentPath, name), uid, gid);
}

/** A line for the first file of WAL and each hundredth. */
function walProgress(say: (text: string) => void): (line: string) => void {
  let files = 0;
  return (line) => {
    if (!line.includes('restored log file')) return;
    files += 1;
    if (files % 100 === 0) say(`  ${files} files of WAL`);
  };
}

/** The record becomes an event when the store opens. */
async function closeStore(
  client: DatabaseClient,
  options: RestoreOptions,
): Promise<{ reached: string | null; timeline: number }> {
  const { to, aside, why } = options;
  const what = to === undefined ? 'restored to the latest moment of its backup' : `restored to ${to}`;
  const reason = aside ? `${what}, beside the live one` : what;
  await client.query('begin');
  await client.query('select public.close_store($1)', [reason]);
  if (aside) await client.query(setAside, [reason]);
  const { rows } = await client.query<{ reached: string | null; timeline: number }>(
    `select to_char(pg_last_xact_replay_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as reached,
            ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer as timeline`,
  );
  const found = rows[0] ?? { reached: null, timeline: 0 };
  const outcome = `reached ${found.reached ?? 'the end of the base'} on timeline ${found.timeline}`;
  await client.query(
    `insert into public.pending_operations (by, command, arguments, why, outcome) values ($1, 'restore', $2, $3, $4)`,
    [actor(), JSON.stringify(argumentsOf(options)), why, outcome],
  );
  await client.query('commit');
  return found;
}

/** Another store, whose relay stands still: the live one must not be fenced. */
const setAside = `
  with other as (update public.store_identity set copy_of = store_id, store_id = gen_random_uuid(), epoch = gen_random_uuid())
  update public.outbox_relay set halted_at = clock_timestamp(), owner = null, halted_reason = jsonb_build_object(
    'why', $1::text, 'batch', coalesce((select max(batch) from public.outbox_batch), 0)::text, 'position', null)`;

const argumentsOf = ({ to, into, aside }: RestoreOptions): object => ({
  into,
  ...(aside && { aside: 'yes' }),
  ...(to !== undefined && { to }),
});

/** Who runs this command, as the machine knows them: in a container perhaps by a number alone. */
function actor(): string {
  const uid = process.getuid?.();
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `${uid}@${hostname()}`;
  }
}
