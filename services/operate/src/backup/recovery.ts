import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseClient } from '@tradecore/event-sourcing';
import type { Base } from './folder.ts';
import { Refused } from '../operations.ts';
import { endOf, type PostgresPrograms, type ProgramRun } from './programs.ts';

/** What is brought forward, and how far. */
export interface Recovery {
  readonly base: Base;
  /** A copy of the base that is ours to change. */
  readonly data: string;
  /** The WAL of its series, where the account can read it. */
  readonly wal: string;
  /** RFC 3339; to the end of the WAL when absent. */
  readonly to?: string;
  readonly programs: PostgresPrograms;
  readonly account: ProgramRun['account'];
  /** Gets what PostgreSQL says. */
  readonly onLine: (line: string) => void;
}

/** A question every so often while PostgreSQL reads WAL, in ms. */
const every = 200;

/**
 * Lets PostgreSQL bring the data forward with the WAL of their series and begin a new timeline, lets `work` change what must be changed before
 * anyone sees it, and stops it: nobody else can connect, it listens on a socket in a folder of its own. Throws `Refused`.
 */
export async function recover<Result>(recovery: Recovery, work: (client: DatabaseClient) => Promise<Result>): Promise<Result> {
  const { data, programs, account, onLine, base } = recovery;
  const own = mkdtempSync(join(tmpdir(), 'restore-'));
  writeFileSync(join(own, 'hba.conf'), 'local all all trust\n');
  writeFileSync(join(data, 'recovery.signal'), '');
  if (account)
    for (const path of [own, join(own, 'hba.conf'), join(data, 'recovery.signal')]) chownSync(path, account.uid, account.gid);
  const settings = Object.entries(settingsOf(recovery, own)).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { child, lastWords } = programs.start('postgres', { args: ['-D', data, ...settings], account, onLine });
  let isOver = false;
  const ended = endOf(child).then((code) => {
    isOver = true;
    return code;
  });
  const { superuser: user, database } = base;
  try {
    const client = await connected({ host: own, user, database }, () => {
      if (isOver) throw new Refused(explained(lastWords()));
    });
    const result = await work(client).finally(() => client.end());
    child.kill('SIGINT');
    if ((await ended) !== 0) throw new Refused(`PostgreSQL did not stop in order after the recovery:\n${lastWords()}`);
    return result;
  } finally {
    if (!isOver) child.kill('SIGQUIT');
    await ended;
    rmSync(own, { recursive: true, force: true });
  }
}

/** 255 ends the recovery: WAL that is there and can't be read must not pass for its end. The unfinished file is as good as far as it goes. */
const readWal = (wal: string): string =>
  `test -x '${wal}' || exit 255; for file in '${wal}/%f' '${wal}/%f.partial'; do ` +
  `if test -e "$file"; then cp "$file" '%p' || exit 255; exit 0; fi; done; exit 1`;

const settingsOf = ({ wal, to }: Recovery, socket: string): Record<string, string> => ({
  listen_addresses: '',
  unix_socket_directories: socket,
  hba_file: join(socket, 'hba.conf'),
  restore_command: readWal(wal),
  recovery_target_timeline: 'current',
  recovery_target_action: 'promote',
  ...(to !== undefined && { recovery_target_time: zoned(to) }),
  hot_standby: 'off',
  archive_mode: 'off',
  log_min_messages: 'log',
  lc_messages: 'C',
});

/** RFC 3339 as PostgreSQL takes it before it knows its time zones: there is no `Z` yet. */
const zoned = (time: string): string => time.replace('T', ' ').replace(/Z$/, '+00');

/** Connects as soon as the recovery is at its end: until then PostgreSQL lets nobody in. */
async function connected(where: { host: string; user: string; database: string }, mustRun: () => void): Promise<DatabaseClient> {
  for (;;) {
    mustRun();
    const client = new DatabaseClient(where);
    try {
      await client.connect();
      return client;
    } catch {
      await client.end();
      await new Promise((resolve) => setTimeout(resolve, every));
    }
  }
}

function explained(lastWords: string): string {
  const why = lastWords.includes('before configured recovery target was reached')
    ? 'The WAL ends before that moment, or nothing was committed after it: an earlier --to, or none for the latest that there is.'
    : 'PostgreSQL could not bring the base forward.';
  return `${why}\n${lastWords}`;
}
