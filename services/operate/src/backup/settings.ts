import { environment, type Config, type Environment } from '@tradecore/service/config';
import { z } from 'zod';
import { withLocal } from '../local-settings.ts';

/** The settings of `backup` and `restore`. */
export const backupConfig = {
  /** The database as the login `backup` sees it, which has REPLICATION. A restore needs none: there may be no server. */
  DATABASE_URL: z
    .string()
    .refine((text) => text === '' || /^postgres(ql)?:/.test(text), 'must be a URL that starts with postgres:')
    .default('')
    .meta({ examples: ['postgres://tradecore_backup:password@db:5432/tradecore'] }),
  /** The folder of bases and WAL. */
  BACKUP_DIR: z
    .string()
    .regex(/^\/[^'"%\n]*$/, 'must be a path from the root on, without \' " %')
    .meta({ examples: ['/var/backups/tradecore'] }),
  /** Hours after which `--follow` takes the next base. */
  BACKUP_BASE_HOURS: z.coerce.number().min(0.01).max(720).default(24),
  /** Bases that stay; the WAL before the oldest of them goes with the others. */
  BACKUP_KEEP: z.coerce.number().int().min(1).max(1000).default(2),
  /** The replication slot that `--follow` makes; two fleets of one server have two. */
  BACKUP_SLOT: z
    .string()
    .regex(/^[a-z0-9_]{1,63}$/, 'must be at most 63 of a-z, 0-9 and _')
    .default('tradecore_backup'),
  /** The folder of pg_basebackup, of the server's version; else the PATH and Debian's places are searched. */
  POSTGRES_PROGRAMS: z.string().default(''),
  /** For LD_LIBRARY_PATH, where those programs bring their own. */
  POSTGRES_LIBRARIES: z.string().default(''),
  /** Where PostgreSQL's data are, for `restore` without `--into`. */
  POSTGRES_DATA: z.string().default(''),
};

/** They as read. */
export type BackupSettings = Config<typeof backupConfig>;

/** This process's settings; where they name no BACKUP_DIR, those that `npm start -- --postgres system` has left stand below them. */
export const backupEnvironment = (env: Environment = environment()): Environment => withLocal(env, 'BACKUP_DIR', 'backup.env');
