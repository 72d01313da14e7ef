import { createHash, randomBytes } from 'node:crypto';
import { catalogue as fleet, type Catalogue } from '@tradecore/events';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { migrate } from '../schema/migrate.ts';
import { rolesIn, roleName, storeMigrations, type Migration } from '../schema/migrations.ts';

/** A test's own database, with the newest schema. */
export interface TestDatabase {
  readonly name: string;
  /** As the owner. */
  readonly url: string;
  /** An initialised DataSource as the owner; `drop()` closes it. */
  readonly dataSource: DataSource;
  /** As the login of a service (`command-api`), with only its rights. */
  urlFor(service: string): string;
  /** An initialised DataSource as that login; `drop()` closes it. */
  dataSourceFor(service: string): Promise<DataSource>;
  drop(): Promise<void>;
}

/** What a test database's schema holds besides the store's own. */
export interface TestDatabaseOptions {
  /** The fleet's when absent. */
  readonly catalogue?: Catalogue;
  readonly migrations?: readonly Migration[];
  /** Services that need a login although neither catalogue nor migrations name them. */
  readonly services?: readonly string[];
}

/** Roles are cluster-wide: tests have their own, so that a fleet on the same server keeps its passwords. */
const rolePrefix = 'tradecore_test';
const password = 'only-for-tests';

/**
 * Creates a database on the server of `DATABASE_URL` by cloning a migrated template, made once for each schema content.
 */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const server = process.env['DATABASE_URL'];
  if (server === undefined) throw new Error('DATABASE_URL is not set: no PostgreSQL server to test on');
  const template = await ensureTemplate(server, { ...options, catalogue: options.catalogue ?? fleet });
  const name = `tradecore_test_${randomBytes(8).toString('hex')}`;
  await asAdmin(server, (admin) => admin.query(`create database "${name}" template "${template}"`));
  const opened: DataSource[] = [];
  const open = async (url: string): Promise<DataSource> => {
    const dataSource = await new DataSource({ type: 'postgres', url, installExtensions: false }).initialize();
    opened.push(dataSource);
    return dataSource;
  };
  const urlFor = (service: string): string => withDatabase(server, name, roleName(rolePrefix, service));
  const url = withDatabase(server, name);
  return {
    name,
    url,
    dataSource: await open(url),
    urlFor,
    dataSourceFor: (service) => open(urlFor(service)),
    drop: async () => {
      await Promise.all(opened.filter(({ isInitialized }) => isInitialized).map((dataSource) => dataSource.destroy()));
      await asAdmin(server, (admin) => admin.query(`drop database if exists "${name}" with (force)`));
    },
  };
}

function withDatabase(server: string, database: string, login?: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  if (login !== undefined) [url.username, url.password] = [login, password];
  return url.href;
}

async function asAdmin<T>(server: string, work: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: server, application_name: 'test databases' });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

type Schema = TestDatabaseOptions & { catalogue: Catalogue };

/** One at a time per server: parallel test workers find the template that the first of them made. */
async function ensureTemplate(server: string, schema: Schema): Promise<string> {
  const name = `tradecore_template_${contentHash(schema)}`;
  await asAdmin(server, async (admin) => {
    const find = () => admin.query('select from pg_database where datname = $1', [name]);
    if ((await find()).rowCount === 1) return;
    await admin.query(`select pg_advisory_lock(hashtext('tradecore test template'))`);
    if ((await find()).rowCount === 1) return;
    const draft = `${name}_draft`;
    await admin.query(`drop database if exists "${draft}" with (force)`);
    await admin.query(`create database "${draft}"`);
    await migrateDraft(withDatabase(server, draft), schema);
    await admin.query(`alter database "${draft}" rename to "${name}"`);
  });
  return name;
}

async function migrateDraft(url: string, { catalogue, migrations = [], services = [] }: Schema): Promise<void> {
  const named = [...storeMigrations, ...migrations].flatMap(({ sql }) => rolesIn(sql));
  const writers = Object.values(catalogue).flatMap((declaration) => Object.keys(declaration.writers));
  const rolePasswords = Object.fromEntries([...named, ...writers, ...services].map((service) => [service, password]));
  await migrate(url, { catalogue, migrations, services, rolePrefix, rolePasswords });
}

function contentHash({ catalogue, migrations = [], services = [] }: Schema): string {
  const types = Object.values(catalogue).map(({ type, topic, asserted, byFunctions, writers }) => {
    const written = Object.entries(writers).map(([service, events]) => [service, events.map((event) => event.type)]);
    return [type, topic, asserted, byFunctions, written];
  });
  const content = JSON.stringify([storeMigrations, migrations, types, services]);
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}
