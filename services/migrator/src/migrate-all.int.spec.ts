import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { topics } from '@tradecore/events';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { ConfigFaults, readConfig } from '@tradecore/service';
import { Client } from 'pg';
import { migrateAll, migratorConfig, rolePasswords, type MigratorConfig } from './migrate-all.ts';

const owner = new URL(process.env['DATABASE_URL'] ?? '');
const services = [
  ...['command-api', 'query-api', 'order-saga', 'broker-gateway', 'outbox-relay'],
  ...['order-projector', 'account-projector', 'position-projector', 'feed-projector'],
];
let kafka: TestKafka;
let database: string;
let config: MigratorConfig;

const urlOf = (name: string, login?: string, password = ''): string => {
  const url = new URL(owner);
  url.pathname = name;
  if (login !== undefined) Object.assign(url, { username: login, password });
  return url.href;
};

async function query<T>(url: string, sql: string): Promise<T[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}

const folders: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'logins-'));
  folders.push(folder);
  return folder;
}

beforeAll(async () => {
  kafka = await createTestKafka({ declarations: [topics.relayPosition] });
  database = `migrator_${kafka.namespace.replace('-', '_')}`;
  await query(owner.href, `create database ${database}`);
  const folder = await newFolder();
  for (const service of services) await writeFile(join(folder, service), `password of ${service}\n`.replaceAll(' ', '-'));
  const env = {
    DATABASE_URL: urlOf(database),
    KAFKA_BROKERS: kafka.brokers.join(','),
    NAMESPACE: kafka.namespace,
    PARTITIONS: '2',
    ROLE_PASSWORDS_DIR: folder,
  };
  config = readConfig({ uses: ['postgres', 'kafka'], http: false, own: migratorConfig }, env);
}, 30_000);

afterAll(async () => {
  await query(owner.href, `drop database if exists ${database} with (force)`);
  for (const service of [...services, 'reader']) {
    await query(owner.href, `drop role if exists "${kafka.namespace}_${service.replace('-', '_')}"`);
  }
  await kafka.drop();
  for (const folder of folders) await rm(folder, { recursive: true });
});

describe('the migrator', () => {
  it('makes roles, schema and topics once, even when another migrator runs at the same time', async () => {
    const both = await Promise.all([migrateAll(config), migrateAll(config)]);
    const ran = both.flatMap((each) => each.ran);
    expect(ran.length).toBeGreaterThan(3);
    expect(new Set(ran).size).toBe(ran.length);
    expect(both[0]?.logins.toSorted()).toEqual(services.toSorted());
  }, 30_000);

  it('finds nothing to do when it runs again', async () => {
    const again = await migrateAll(config);
    expect(again).toMatchObject({ ran: [], topicsCreated: [] });
    expect(again.topicsVerified).toHaveLength(Object.keys(topics).length);
  }, 30_000);

  it('refuses a schema that an edited migration made, and names it', async () => {
    const edited = (hash: string) =>
      query(urlOf(database), `update migration_hashes set hash = ${hash} where name like 'orders-%'`);
    await edited(`'edited ' || hash`);
    await expect(migrateAll(config)).rejects.toThrow('orders-0000000000300');
    await edited(`substr(hash, 8)`);
    await expect(migrateAll(config)).resolves.toMatchObject({ ran: [] });
  }, 30_000);

  it('gives each service its own login, which may read the store but not write to it', async () => {
    for (const service of services) {
      const url = urlOf(database, `${kafka.namespace}_${service.replace('-', '_')}`, `password-of-${service}`);
      expect(await query(url, 'select count(*)::int as events from event_store')).toEqual([{ events: 0 }]);
      await expect(query(url, 'delete from event_store')).rejects.toThrow('permission denied');
    }
  });
});

describe('the folder of passwords', () => {
  it('may name its files by service or login, and may be a mounted secret', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'blue_command_api'), 'one');
    await writeFile(join(folder, 'query-api'), 'two\n');
    await writeFile(join(folder, '..data'), 'link');
    expect(rolePasswords(folder, 'blue')).toEqual({ 'command-api': 'one', 'query-api': 'two' });
  });
});

describe('wrong settings', () => {
  it('are all reported at once', () => {
    const read = () =>
      readConfig({ uses: ['postgres', 'kafka'], http: false, own: migratorConfig }, { PARTITIONS: '0', REPLICATION: 'many' });
    expect(read).toThrow(ConfigFaults);
    expect(read).toThrow('4 settings are wrong');
  });
});
