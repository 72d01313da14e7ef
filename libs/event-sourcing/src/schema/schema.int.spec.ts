import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Catalogue } from '@tradecore/events';
import { Client } from 'pg';
import { EditedMigrations, migrate, missingMigrations, MissingRoles, storeMigrations, type Migration } from '../index.ts';
import { scramVerifier } from './scram.ts';
import { describeSchema } from '../test/describe-schema.ts';
import { createTestDatabase, tallyCatalogue, TallyOpened, TallyRaised, type TestDatabase } from '../testing.ts';

const golden = new URL('../../golden/schema.txt', import.meta.url);

describe('the schema', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(() => database.drop());

  it('matches the golden listing (UPDATE_GOLDEN=1 rewrites it)', async () => {
    const found = await describeSchema(database.dataSource, 'public', 'tradecore_test');
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, found);
    expect(found).toBe(readFileSync(golden, 'utf8'));
  });

  it('reports missing migrations', async () => {
    const later: Migration = { number: 999, name: 'later', sql: '' };
    expect(await missingMigrations(database.dataSource, [...storeMigrations, later])).toEqual(['later-0000000000999']);
    await database.dataSource.query('drop table schema_migrations');
    expect(await missingMigrations(database.dataSource, storeMigrations)).toHaveLength(storeMigrations.length);
  });

  it('is migrated once, in the order of numbers, by four concurrent migrators', async () => {
    const migrations: Migration[] = [
      { number: 901, name: 'second', sql: 'insert into steps values (2)' },
      { number: 900, name: 'first', sql: 'create table steps (n int); insert into steps values (1)' },
    ];
    const options = { catalogue: tallyCatalogue, rolePrefix: 'tradecore_test', migrations };
    const runs = await Promise.all([1, 2, 3, 4].map(() => migrate(database.url, options)));
    expect(runs.map(({ ran }) => ran.length).sort()).toEqual([0, 0, 0, 2]);
    expect(await database.dataSource.query('select n from steps')).toEqual([{ n: 1 }, { n: 2 }]);
    const types = `select aggregate_type as type, asserted from aggregate_types where aggregate_type in ('Gate', 'Order', 'Tally') order by 1`;
    expect(await database.dataSource.query(types)).toEqual([
      { type: 'Gate', asserted: true },
      { type: 'Order', asserted: false },
      { type: 'Tally', asserted: false },
    ]);
  });

  it('has the event writers that the catalogue last named, and keeps those of types it does not name', async () => {
    const writers = async (type: string): Promise<unknown> =>
      database.dataSource.query(
        `select event_type || ' ' || replace(writer::text, 'tradecore_test_', '') as may from event_writers where aggregate_type = $1 order by 1`,
        [type],
      );
    const orders = await writers('Order');
    expect(orders).toContainEqual({ may: 'OrderPlaced command_api' });
    const declared = tallyCatalogue['Tally'] as Catalogue[string];
    const options = { rolePrefix: 'tradecore_test' };
    await migrate(database.url, { ...options, catalogue: tallyCatalogue });
    expect(await writers('Tally')).toEqual([
      { may: 'TallyOpened command_api' },
      { may: 'TallyRaised command_api' },
      { may: 'TallyRaised order_saga' },
    ]);
    await migrate(database.url, {
      ...options,
      catalogue: { Tally: { ...declared, writers: { 'order-saga': [TallyOpened], 'command-api': [TallyRaised] } } },
    });
    expect(await writers('Tally')).toEqual([{ may: 'TallyOpened order_saga' }, { may: 'TallyRaised command_api' }]);
    expect(await writers('Order')).toEqual(orders);
  });

  it('keeps nothing of a failed migration, and the next run continues from there', async () => {
    const broken: Migration = { number: 900, name: 'broken', sql: 'create table half (n int); select 1 / 0' };
    const options = { catalogue: tallyCatalogue, rolePrefix: 'tradecore_test' };
    await expect(migrate(database.url, { ...options, migrations: [broken] })).rejects.toThrow('division by zero');
    expect(await database.dataSource.query(`select to_regclass('half') as half`)).toEqual([{ half: null }]);
    const mended = { ...broken, sql: 'create table half (n int)' };
    expect(await migrate(database.url, { ...options, migrations: [mended] })).toEqual({ ran: ['broken-0000000000900'] });
  });

  it('refuses a migration that was edited after it ran, and says which; nothing has changed then', async () => {
    const first: Migration = { number: 900, name: 'first', sql: 'create table steps (n int)' };
    const options = { catalogue: tallyCatalogue, rolePrefix: 'tradecore_test' };
    await migrate(database.url, { ...options, migrations: [first] });
    const edited = { ...first, sql: 'create table steps (n bigint)' };
    const further: Migration = { number: 901, name: 'further', sql: 'create table further (n int)' };
    const again = migrate(database.url, { ...options, migrations: [edited, further] });
    await expect(again).rejects.toThrow(EditedMigrations);
    await expect(again).rejects.toMatchObject({ names: ['first-0000000000900'] });
    expect(await database.dataSource.query(`select to_regclass('further') as further`)).toEqual([{ further: null }]);
    expect(await migrate(database.url, { ...options, migrations: [first, further] })).toEqual({ ran: ['further-0000000000901'] });
    await database.dataSource.query('delete from migration_hashes'); // as a database from before they were kept
    await expect(migrate(database.url, options)).rejects.toThrow('event-store-0000000000001');
  });

  it('refuses two migrations with the same number', async () => {
    const twice: Migration[] = ['a', 'b'].map((name) => ({ number: 900, name, sql: '' }));
    await expect(migrate(database.url, { catalogue: tallyCatalogue, migrations: twice })).rejects.toThrow('have number 900');
  });
});

describe('roles', () => {
  let database: TestDatabase;
  let admin: Client;
  const prefix = `t${randomBytes(6).toString('hex')}`;
  const owner = `${prefix}_owner`;
  beforeAll(async () => {
    database = await createTestDatabase();
    admin = new Client(database.url);
    await admin.connect();
    await admin.query(`create role ${owner} login password 'owner-password'`);
    await admin.query(`create database ${prefix} owner ${owner}`);
  });
  afterAll(async () => {
    await admin.query(`drop database ${prefix} with (force)`);
    const { rows } = await admin.query<{ role: string }>(`select rolname as role from pg_roles where rolname like $1`, [
      `${prefix}\\_%`,
    ]);
    for (const { role } of rows) await admin.query(`drop role ${role}`);
    await admin.end();
    await database.drop();
  });

  const urlAs = (role: string, password: string): string => {
    const url = new URL(database.url);
    [url.username, url.password, url.pathname] = [role, password, `/${prefix}`];
    return url.href;
  };

  it('that are missing and may not be created are reported as SQL to run; after it, the owner migrates and services log in', async () => {
    const rolePasswords = { 'command-api': 'command-password' };
    const options = { catalogue: tallyCatalogue, rolePrefix: prefix, rolePasswords };
    const migrating = migrate(urlAs(owner, 'owner-password'), options);
    await expect(migrating).rejects.toThrow(MissingRoles);
    const { sql } = (await migrating.catch((error: unknown) => error)) as MissingRoles;
    expect(sql).toContain(`create role "${prefix}_command_api"`);
    expect(sql).not.toContain('command-password'); // only its SCRAM verifier
    await admin.query(sql);
    const { ran } = await migrate(urlAs(owner, 'owner-password'), options);
    expect(ran).toHaveLength(storeMigrations.length);

    const service = new Client(urlAs(`${prefix}_command_api`, 'command-password'));
    await service.connect();
    expect((await service.query('select count(*)::int as n from event_store')).rows).toEqual([{ n: 0 }]);
    await expect(service.query('create table mine (n int)')).rejects.toThrow('permission denied for schema public');
    await service.end();
  });

  it('get the same SCRAM verifier that the server would make from their password', async () => {
    const role = `${prefix}_by_server`;
    await admin.query(`set password_encryption = 'scram-sha-256'; create role ${role} password 'some-password'`);
    const { rows } = await admin.query<{ stored: string }>('select rolpassword as stored from pg_authid where rolname = $1', [
      role,
    ]);
    const stored = rows[0]?.stored ?? '';
    const salt = Buffer.from(/^SCRAM-SHA-256\$4096:([^$]+)\$/.exec(stored)?.[1] ?? '', 'base64');
    expect(scramVerifier('some-password', salt)).toBe(stored);
  });
});
