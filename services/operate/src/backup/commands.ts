import { readConfig } from '@tradecore/service/config';
import { takeBase } from './base.ts';
import { newSeries, prune, seriesOf } from './folder.ts';
import { PostgresPrograms } from './programs.ts';
import { restore } from './restore.ts';
import { BackedUpServer } from './server.ts';
import { backupConfig, backupEnvironment, type BackupSettings } from './settings.ts';
import type { Say } from '../output.ts';
import { timeIn, WrongUsage, type Shell, type Typed } from '../shell.ts';

/** `backup`, `restore` */
export function backupCommands(shell: Shell): void {
  const json = { '--why <text>': 'the reason, kept with the record of what was done', '--json': 'for scripts' };
  shell.command(
    shell.root,
    {
      usage: 'backup',
      description: 'takes a base of the whole server into BACKUP_DIR',
      options: {
        '--follow': 'stay: receive WAL without a pause, take bases as they are due, serve the ages as metrics',
        ...json,
      },
    },
    (typed) => (typed.options['follow'] === true ? follow() : once(shell, typed)),
  );
  shell.command(
    shell.root,
    {
      usage: 'restore',
      description: 'restores out of BACKUP_DIR into an empty folder; the store is closed until tradecore relay resume',
      options: {
        '--to <time>': 'the moment to restore (RFC 3339); the latest when absent',
        '--into <folder>': "PostgreSQL's folder of data; POSTGRES_DATA when absent",
        '--aside': 'for a look beside the live one: a store of another name',
        ...json,
      },
    },
    (typed) => restoreInto(shell, typed),
  );
}

async function follow(): Promise<number> {
  const [{ runService }, { backupService }] = await Promise.all([import('@tradecore/service'), import('./follow.ts')]);
  await runService(backupService, backupEnvironment());
  return 0;
}

async function once(shell: Shell, typed: Typed): Promise<number> {
  const settings = read();
  const programs = new PostgresPrograms(settings);
  const server = new BackedUpServer(settings.DATABASE_URL, settings.BACKUP_SLOT);
  try {
    const state = await server.state();
    const [newest] = seriesOf(settings.BACKUP_DIR, state.systemIdentifier);
    const series = newest?.timeline === state.timeline ? newest : newSeries(settings.BACKUP_DIR, state);
    const base = await takeBase({ server, programs, why: whyIn(typed) }, series, progress(shell.say, typed));
    const removed = prune(settings.BACKUP_DIR, settings.BACKUP_KEEP);
    const { path, ended, bytes } = base;
    const row = { base: path, 'restorable from': ended, bytes, 'bases removed': removed.length };
    return shell.print({ rows: [row], nothing: '' }, typed);
  } finally {
    await server.close();
  }
}

async function restoreInto(shell: Shell, typed: Typed): Promise<number> {
  const settings = read();
  const { into, to, aside } = wanted(settings, typed);
  const isForPeople = typed.options['json'] !== true;
  const restored = await restore({
    ...{ dir: settings.BACKUP_DIR, into, aside, programs: new PostgresPrograms(settings), why: whyIn(typed) },
    say: isForPeople ? shell.say : () => undefined,
    ...(to !== undefined && { to }),
  });
  if (isForPeople) shell.say(whatNext(into, aside));
  return shell.print({ rows: [{ ...restored, into }], nothing: '' }, typed);
}

/** Not required: nobody looks for words while the database is gone. */
function whyIn({ options }: Typed): string {
  const why = String(options['why'] ?? '').trim();
  if (why.length > 500) throw new WrongUsage('--why is at most 500 characters');
  return why === '' ? 'no reason was given' : why;
}

function wanted({ POSTGRES_DATA }: BackupSettings, typed: Typed): { into: string; to?: string; aside: boolean } {
  const aside = typed.options['aside'] === true;
  const into = String(typed.options['into'] ?? (aside ? '' : POSTGRES_DATA));
  if (!/^\/./.test(into)) {
    throw new WrongUsage(`--into FOLDER is required${aside ? ' with --aside' : ', or POSTGRES_DATA'}: a path from the root on`);
  }
  const to = timeIn(typed, 'to');
  if (to === null) return { into, aside };
  if (Date.parse(to) > Date.now()) throw new WrongUsage(`--to is in the past; it was ${to}`);
  return { into, to, aside };
}

const whatNext = (into: string, aside: boolean): string =>
  aside
    ? `\nStart PostgreSQL on ${into} at an address of its own. The store has another name and stays closed: read it, nothing more.\n`
    : `\nStart PostgreSQL on ${into}, then the fleet. The store is closed, doors answer 503, until: tradecore relay resume\n` +
      'Start tradecore backup --follow as well: it takes a new base at once.\n';

/** The share that pg_basebackup says it has, a line for each tenth. */
function progress(say: Say, { options }: Typed): (line: string) => void {
  let told = 0;
  return (line) => {
    const share = Number(/\((\d+)%\)/.exec(line)?.[1] ?? 0);
    if (options['json'] === true || share < told + 10) return;
    told = share;
    say(`  ${share} %`);
  };
}

const read = (): BackupSettings => readConfig({ uses: [], http: false, own: backupConfig }, backupEnvironment());
