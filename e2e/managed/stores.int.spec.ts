import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { Redis } from 'ioredis';
import { DataSource } from 'typeorm';
import { DatabaseClient, migrate, poolLimits, SessionsShared } from '@tradecore/event-sourcing';
import { catalogue } from '@tradecore/events';
import { findPrograms } from '@tradecore/local/servers/postgres-programs.ts';
import { createDatabase } from '@tradecore/local/servers/postgres.ts';
import { openFleet, program } from '@tradecore/operate/program';
import { readModelMigrations } from '@tradecore/read-models';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { startTestService } from '@tradecore/service/testing';
import { Authority } from './authority.ts';
import { ManagedServers } from './servers.ts';

@Module({})
class EmptyModule {}

let servers: ManagedServers;
/** The owner's, in the clear. */
let owner: URL;

beforeAll(async () => {
  servers = new ManagedServers();
  owner = await servers.startPostgres();
  await createDatabase(owner.href, 'tradecore');
  owner.pathname = '/tradecore';
}, 120_000);
afterAll(() => servers.end(), 60_000);

describe('PostgreSQL with a certificate of an authority of its own', () => {
  /** `host` is the certificate's name, or an address that it does not have. */
  const at = (host: 'localhost' | '127.0.0.1', mode: string, ca?: string): string => {
    const url = new URL(owner);
    url.hostname = host;
    url.searchParams.set('sslmode', mode);
    if (ca !== undefined) url.searchParams.set('sslrootcert', ca);
    return url.href;
  };
  const isEncrypted = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';

  /** Whether the session is encrypted, or why there is none: of a client, of a pool, and as PostgreSQL's own `psql` reads the URL. */
  async function answers(url: string): Promise<[client: string, pool: string, psql: string]> {
    const client = new DatabaseClient({ connectionString: url });
    const asked = await client.connect().then(async () => String((await client.query(isEncrypted)).rows[0].ssl), said);
    await client.end();
    const pool = new DataSource({ type: 'postgres', url, installExtensions: false, extra: poolLimits(5_000) });
    const pooled = await pool.initialize().then(async () => String((await pool.query(isEncrypted))[0].ssl), said);
    if (pool.isInitialized) await pool.destroy();
    const { folder, libraries } = findPrograms(servers.place, 'system');
    const env = { ...process.env, ...(libraries !== undefined && { LD_LIBRARY_PATH: libraries }) };
    const { status, stdout } = spawnSync(join(folder, 'psql'), ['-At', '-c', isEncrypted, url], { encoding: 'utf8', env });
    return [asked, pooled, status === 0 ? String(stdout.trim() === 't') : 'refused'];
  }
  const said = (error: unknown): string => {
    expect(String(error)).toMatch(/self-signed certificate|unable to verify|does not match certificate/);
    return 'refused';
  };

  it.each<[string, string, string, string]>([
    ['disable', 'localhost', 'none', 'false'],
    ['require', '127.0.0.1', 'none', 'true'],
    ['require', '127.0.0.1', 'its own', 'true'],
    ['require', 'localhost', 'another', 'refused'],
    ['verify-ca', '127.0.0.1', 'its own', 'true'],
    ['verify-ca', 'localhost', 'another', 'refused'],
    ['verify-full', 'localhost', 'its own', 'true'],
    ['verify-full', '127.0.0.1', 'its own', 'refused'],
    ['verify-full', 'localhost', 'another', 'refused'],
  ])('with sslmode=%s at %s, authority: %s: %s', async (mode, host, authority, expected) => {
    const other = authority === 'another' ? new Authority(servers.place, 'other').file : servers.authority.file;
    const url = at(host as 'localhost', mode, authority === 'none' ? undefined : other);
    expect(await answers(url)).toEqual([expected, expected, expected]);
  });
});

describe('PgBouncer as it is installed', () => {
  const migrations = [...readModelMigrations, ...runtimeMigrations];

  let session: string;
  let transaction: string;
  beforeAll(async () => {
    [session, transaction] = [
      (await servers.startPooler(owner, 'session')).href,
      (await servers.startPooler(owner, 'transaction')).href,
    ];
  }, 120_000);

  it('in session mode serves the migrator, services, operators and listeners, with the limits that they ask for', async () => {
    const url = session;
    const { ran } = await migrate(url, { catalogue, migrations });
    expect(ran.length).toBeGreaterThan(3);
    const settings = { DATABASE_URL: url, DATABASE_STATEMENT_TIMEOUT: '7000', DATABASE_POOL_SIZE: '2' };
    const service = await startTestService({ name: 'pooled', module: EmptyModule }, settings);
    const limits = await service.app
      .get(DataSource)
      .query(
        `select current_setting('statement_timeout') as statement, current_setting('idle_in_transaction_session_timeout') as idle`,
      );
    expect(limits).toEqual([{ statement: '7s', idle: '1min' }]);
    const listener = new DatabaseClient({ connectionString: url, lock_timeout: 1_000 });
    await listener.connect();
    await listener.query('listen outbox_events');
    const heard = once(listener, 'notification');
    await service.app.get(DataSource).query('notify outbox_events');
    await heard;
    expect((await listener.query('show lock_timeout')).rows).toEqual([{ lock_timeout: '1s' }]);
    await Promise.all([listener.end(), service.stop()]);
  });

  it('in transaction mode is refused at the start, by each of them, with what to do', async () => {
    const url = transaction;
    await expect(migrate(url, { catalogue, migrations })).rejects.toThrow(SessionsShared);
    const started = performance.now();
    const service = startTestService({ name: 'pooled', module: EmptyModule }, { DATABASE_URL: url, START_LIMIT: '20000' });
    await expect(service).rejects.toThrow(/share sessions \(PgBouncer: pool_mode = transaction.*use pool_mode = session/);
    expect(performance.now() - started).toBeLessThan(5_000);
    const said: string[] = [];
    const around = { say: (text: string) => said.push(text), open: () => openFleet({ DATABASE_URL: url, KAFKA_BROKERS: 'x:1' }) };
    expect(await program(['relay', 'status'], around)).toBe(78);
    expect(said.join()).toContain('use pool_mode = session');
  });
});

describe('Redis with a certificate of an authority of its own', () => {
  const startWith = (REDIS_URL: string, REDIS_CA_FILE: string) =>
    startTestService({ name: 'cached', module: EmptyModule, uses: ['redis'] }, { REDIS_URL, REDIS_CA_FILE });

  it('is used where that authority is trusted, and not where another is', async () => {
    const url = await servers.startRedis();
    const trusting = await startWith(url, servers.authority.file);
    const redis = trusting.app.get(Redis);
    if (redis.status !== 'ready') await once(redis, 'ready');
    expect(await redis.ping()).toBe('PONG');
    await trusting.stop();
    const wary = await startWith(url, new Authority(servers.place, 'third').file);
    const [why] = (await once(wary.app.get(Redis), 'error')) as [Error];
    expect(why.message).toMatch(/self-signed certificate|unable to verify/);
    await wary.stop();
  });
});
