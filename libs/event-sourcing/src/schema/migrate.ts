import { createHash } from 'node:crypto';
import type { Catalogue } from '@tradecore/events';
import { logger } from '@tradecore/telemetry';
import type { ClientBase } from 'pg';
import { DataSource, type Logger, type MigrationInterface, type QueryRunner } from 'typeorm';
import { DatabaseClient, poolLimits } from '../sessions/database-client.ts';
import { mustOwnSession } from '../sessions/own-session.ts';
import { fillRoles, rolesIn, roleName, storeMigrations, type Migration } from './migrations.ts';
import { ensureRoles } from './roles.ts';

/** How a database is brought to the newest schema. */
export interface MigrateOptions {
  /** Migrations of other packages; the store's own are always included. */
  readonly migrations?: readonly Migration[];
  /** Fills the tables of aggregate types and event writers. */
  readonly catalogue: Catalogue;
  /** Roles are `<prefix>_<service>`, `-` as `_`; `tradecore` when absent. */
  readonly rolePrefix?: string;
  /** Services that need a role although no migration names them. */
  readonly services?: readonly string[];
  /** By service (`command-api`): its password, 8 to 200 visible ASCII characters; a role with a password may log in. */
  readonly rolePasswords?: Readonly<Record<string, string>>;
}

/**
 * The database has had migrations that say something else in this build, so that nothing can tell what its tables are. `names`: which. One that was
 * applied before hashes were kept counts as one.
 */
export class EditedMigrations extends Error {
  override readonly name = 'EditedMigrations';
  constructor(readonly names: readonly string[]) {
    super(`these migrations were edited after this database had them: ${names.join(', ')}; write a further migration instead`);
  }
}

/** One migration at a time in a database. */
const migrationLock = 7_264_001;
/** Time limit of a migration, or of the wait for another migrator. */
const statementMs = 6 * 3_600_000;

/**
 * Creates missing roles (or throws `MissingRoles` with the SQL to run), runs missing migrations, fills aggregate types:
 * under an advisory lock, so safe to run again and concurrently. Returns the names of the migrations it ran. Throws
 * `SessionsShared` or `EditedMigrations` before it changes anything.
 */
export async function migrate(url: string, options: MigrateOptions): Promise<{ ran: string[] }> {
  const migrations = ordered([...storeMigrations, ...(options.migrations ?? [])]);
  const prefix = options.rolePrefix ?? 'tradecore';
  const writers = Object.values(options.catalogue).flatMap((declaration) => Object.keys(declaration.writers));
  const services = [
    ...new Set([...migrations.flatMap(({ sql }) => rolesIn(sql)), ...writers, ...(options.services ?? [])]),
  ].sort();
  const client = new DatabaseClient({ connectionString: url, application_name: 'migrate', query_timeout: statementMs });
  try {
    await client.connect();
    await mustOwnSession(client, url);
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    await mustBeUnedited(client, migrations);
    await ensureRoles(client, { prefix, services, passwords: options.rolePasswords ?? {} });
    const ran = await runMigrations(url, migrations, prefix);
    await declareTypes(client, options.catalogue, prefix);
    await client.query(`grant select on schema_migrations to "${roleName(prefix, 'reader')}"`);
    return { ran };
  } finally {
    await client.end();
  }
}

/** Compares what the database has had with what this build would run. Other migrations than this build's are none of its business. */
async function mustBeUnedited(client: ClientBase, migrations: readonly Migration[]): Promise<void> {
  await client.query('create table if not exists migration_hashes (name text primary key, hash text not null)');
  const { rows } = await client.query<{ exists: boolean }>(
    `select to_regclass('public.schema_migrations') is not null as exists`,
  );
  if (!rows[0]?.exists) return;
  const applied = await client.query<{ name: string; hash: string | null }>(
    'select m.name, h.hash from public.schema_migrations m left join migration_hashes h using (name)',
  );
  const had = new Map(applied.rows.map(({ name, hash }) => [name, hash]));
  const edited = migrations.filter((each) => had.has(storedName(each)) && had.get(storedName(each)) !== hashOf(each));
  if (edited.length > 0) throw new EditedMigrations(edited.map(storedName));
}

const hashOf = ({ sql }: Migration): string => createHash('sha256').update(sql).digest('hex');

function ordered(migrations: readonly Migration[]): Migration[] {
  const sorted = migrations.toSorted((a, b) => a.number - b.number);
  const twice = sorted.find(({ number }, index) => number === sorted[index + 1]?.number);
  if (twice) throw new Error(`two migrations have number ${twice.number}`);
  return sorted;
}

/** TypeORM orders by the last 13 digits of a name. */
const storedName = ({ name, number }: Migration): string => `${name}-${String(number).padStart(13, '0')}`;

async function runMigrations(url: string, migrations: readonly Migration[], prefix: string): Promise<string[]> {
  const dataSource = new DataSource({
    type: 'postgres',
    url,
    installExtensions: false,
    logger: typeormLog,
    migrationsTableName: 'schema_migrations',
    migrationsTransactionMode: 'each',
    migrations: migrations.map((migration) => asMigrationClass(migration, prefix)),
    extra: poolLimits(statementMs),
  });
  await dataSource.initialize();
  try {
    return (await dataSource.runMigrations()).map(({ name }) => name);
  } finally {
    await dataSource.destroy();
  }
}

const log = logger('migrate');
const quiet = (): undefined => undefined;

/** TypeORM would write plain text to stdout. */
const typeormLog: Logger = {
  logMigration: (message) => log.info(message),
  logQueryError: quiet, // it is thrown too
  log: (level, message) => log[level === 'warn' ? 'warn' : 'debug'](String(message)),
  logQuery: quiet,
  logQuerySlow: quiet,
  logSchemaBuild: quiet,
};

function asMigrationClass(migration: Migration, prefix: string): new () => MigrationInterface {
  return class {
    readonly name = storedName(migration);
    async up(runner: QueryRunner): Promise<void> {
      await runner.query(fillRoles(migration.sql, prefix));
      await runner.query(
        'insert into migration_hashes (name, hash) values ($1, $2) on conflict (name) do update set hash = excluded.hash',
        [storedName(migration), hashOf(migration)],
      );
    }
    down(): Promise<void> {
      return Promise.reject(new Error('migrations can not be reverted'));
    }
  };
}

/** Stores the catalogue in one transaction: no append ever sees half of it. */
async function declareTypes(client: ClientBase, catalogue: Catalogue, prefix: string): Promise<void> {
  const types = Object.values(catalogue).map(({ type, topic, asserted = false }) => ({ type, topic, asserted }));
  const writers = Object.values(catalogue).flatMap((declaration) =>
    Object.entries(declaration.writers).flatMap(([service, events]) =>
      events.map(({ type: event }) => ({ type: declaration.type, event, writer: roleName(prefix, service) })),
    ),
  );
  await client.query('begin');
  await client.query(declareTypesSql, [JSON.stringify(types)]);
  await client.query(declareWritersSql, [JSON.stringify(writers)]);
  for (const service of appenders(catalogue)) {
    await client.query(`grant execute on function append_events to "${roleName(prefix, service)}"`);
  }
  await client.query('commit');
}

/** The services that append directly; writers of events that database functions store may not. */
const appenders = (catalogue: Catalogue): Set<string> =>
  new Set(Object.values(catalogue).flatMap(({ byFunctions = false, writers }) => (byFunctions ? [] : Object.keys(writers))));

const declareTypesSql = `insert into aggregate_types (aggregate_type, topic, asserted)
  select type, topic, asserted from jsonb_to_recordset($1) as (type text, topic text, asserted boolean)
  on conflict (aggregate_type) do update set topic = excluded.topic, asserted = excluded.asserted`;

/** Removes writers that the catalogue no longer names; leaves types that it does not name at all. */
const declareWritersSql = `with declared as materialized (
    select type, event, writer from jsonb_to_recordset($1) as (type text, event text, writer text)
  ), gone as (
    delete from event_writers w where w.aggregate_type in (select d.type from declared d)
       and not exists (select from declared d where (d.type, d.event, d.writer) = (w.aggregate_type, w.event_type, w.writer))
  )
  insert into event_writers (aggregate_type, event_type, writer) select type, event, writer from declared on conflict do nothing`;

/** Names of those migrations that the database lacks: a service is ready only if there are none. */
export async function missingMigrations(dataSource: DataSource, wanted: readonly Migration[]): Promise<string[]> {
  const applied = new Set(await appliedMigrations(dataSource));
  return wanted.map(storedName).filter((name) => !applied.has(name));
}

async function appliedMigrations(dataSource: DataSource): Promise<string[]> {
  const [{ exists }] = (await dataSource.query(`select to_regclass('public.schema_migrations') is not null as exists`)) as [
    { exists: boolean },
  ];
  if (!exists) return [];
  const rows = (await dataSource.query('select name from public.schema_migrations')) as { name: string }[];
  return rows.map(({ name }) => name);
}
