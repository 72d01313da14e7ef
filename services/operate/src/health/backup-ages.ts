import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { allBases, lastRestore, seriesOf, walOf } from '../backup/folder.ts';
import { backupEnvironment } from '../backup/settings.ts';
import type { Fleet } from '../fleet.ts';
import type { BackupAges } from './ailments.ts';

/**
 * As `backup --follow` says, where ADMIN_URLS names it (`backup=http://...`); else as its folder looks, where that can be reached from here;
 * undefined where neither can be.
 */
export async function backupAges({ admins }: Pick<Fleet, 'admins'>): Promise<BackupAges | undefined> {
  const url = admins.get('backup');
  if (url !== undefined) return served(url).catch(() => ({ base: Infinity, restorable: Infinity, restoreTest: 0 }));
  const { BACKUP_DIR: dir } = backupEnvironment();
  return dir && existsSync(dir) ? inFolder(dir) : undefined;
}

async function served(url: string): Promise<BackupAges> {
  const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2000) })).text();
  const of = (name: string): number =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]?.replace('+Inf', 'Infinity') ?? Infinity);
  return {
    base: of('tradecore_backup_base_age_seconds'),
    restorable: of('tradecore_backup_restorable_age_seconds'),
    restoreTest: of('tradecore_backup_restore_age_seconds'),
  };
}

/** WAL is written to its file as it is received, at least each ten seconds where the server is idle. */
function inFolder(dir: string): BackupAges {
  const age = (time: number | undefined): number => (time ? Math.max(0, (Date.now() - time) / 1000) : Infinity);
  const [series] = seriesOf(dir);
  const wal = series ? readdirSync(walOf(series)).map((name) => statSync(join(walOf(series), name)).mtimeMs) : [];
  const base = Date.parse(allBases(dir)[0]?.ended ?? '') || undefined;
  return {
    base: age(base),
    restorable: age(base && Math.max(base, ...wal)),
    restoreTest: age(Date.parse(lastRestore(dir)?.at ?? '') || undefined),
  };
}
