import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { homeAt } from '@tradecore/local/runner/home.ts';
import { endedBySignal } from '@tradecore/local/runner/interruption.ts';
import { Supervised } from '@tradecore/local/runner/processes.ts';
import { findPrograms, type PostgresPrograms } from '@tradecore/local/servers/postgres-programs.ts';
import { createDatabase, postgres, postgresUrl, type Durability } from '@tradecore/local/servers/postgres.ts';
import { serverPlace } from '@tradecore/local/servers/server-place.ts';
import { freePort, until } from './world.ts';

/** A complete separate PostgreSQL whose folder may be destroyed: never the one that other tests use. */
export class OwnPostgres {
  readonly programs: PostgresPrograms;
  /** Its data folder. */
  readonly data: string;
  readonly url: string;
  /** Stops it; nothing is left of it. */
  readonly end = endedBySignal(async () => {
    for (const server of [...this.#others, this.#server]) await server.stop();
    for (const path of [this.#home.path, this.#place.path]) rmSync(path, { recursive: true, force: true });
  });
  readonly #home;
  readonly #place;
  readonly #make: () => Supervised;
  #server: Supervised;
  /** On other folders, stopped or not. */
  readonly #others: Supervised[] = [];
  #standby: Supervised | undefined;
  #standbyUrl = '';

  private constructor(port: number, durability: Durability) {
    this.#home = homeAt(mkdtempSync(join(tmpdir(), 'own-postgres-')));
    this.#place = serverPlace(this.#home);
    this.programs = findPrograms(this.#place, 'system');
    this.data = this.#place.folder('postgres');
    this.url = postgresUrl(this.#home, port, 'postgres');
    this.#make = () =>
      new Supervised(this.#home, postgres(this.#home, this.#place, { port, durability, build: 'system' }), () => undefined);
    this.#server = this.#make();
  }

  /** One that runs. */
  static async start(durability: Durability = 'fast'): Promise<OwnPostgres> {
    const own = new OwnPostgres(await freePort(), durability);
    await own.#server.start().catch(async (error: unknown) => {
      await own.end();
      throw error;
    });
    return own;
  }

  async createDatabase(name: string): Promise<string> {
    await createDatabase(this.url, name);
    return this.urlOf(name);
  }

  /** The URL of one of its databases, or of one of `server`. */
  urlOf(database: string, server = this.url): string {
    const url = new URL(server);
    url.pathname = `/${database}`;
    return url.href;
  }

  /** `kill -9` of all its processes, then its folder is emptied, like a new disk. */
  async destroy(): Promise<void> {
    this.#server.kill();
    await this.#killAll();
    rmSync(this.data, { recursive: true, force: true });
    this.#place.folder('postgres');
  }

  /** Starts it on the folder's current contents. */
  async startAgain(): Promise<void> {
    this.#server = this.#make();
    await this.#server.start();
  }

  /** An empty folder that PostgreSQL's account owns. */
  folder(name: string): string {
    return this.#place.folder(name);
  }

  /** Does this work while another server runs on this folder, beside this one; `work` gets the other one's URL. */
  async beside<Result>(folder: string, work: (url: string) => Promise<Result>): Promise<Result> {
    const { server, url } = await this.#startOn(folder, 'beside');
    return work(url).finally(() => server.stop());
  }

  /** A copy that follows it, on a port of its own. */
  async addStandby(): Promise<void> {
    const data = this.#place.folder('standby');
    const args = ['-d', this.url, '-D', data, '--wal-method=stream', '--checkpoint=fast', '--write-recovery-conf'];
    const { status, stderr } = spawnSync(join(this.programs.folder, 'pg_basebackup'), args, {
      encoding: 'utf8',
      cwd: '/',
      env: { ...process.env, ...(this.programs.libraries !== undefined && { LD_LIBRARY_PATH: this.programs.libraries }) },
      ...this.#place.account,
    });
    if (status !== 0) throw new Error(`pg_basebackup: ${stderr}`);
    const { server, url } = await this.#startOn(data, 'standby');
    [this.#standby, this.#standbyUrl] = [server, url];
  }

  /** A server on another folder, on a port of its own. */
  async #startOn(folder: string, name: string): Promise<{ readonly server: Supervised; readonly url: string }> {
    const port = await freePort();
    const options = { port, durability: 'fast', build: 'system' } as const;
    const program = postgres(this.#home, { ...this.#place, folder: () => folder }, options);
    const server = new Supervised(this.#home, { ...program, name }, () => undefined);
    this.#others.push(server);
    await server.start();
    return { server, url: postgresUrl(this.#home, port, 'postgres') };
  }

  /** Until the standby has what the server had committed at the call. */
  async standbyHasAll(): Promise<void> {
    const [{ at = '' } = {}] = await query<{ at: string }>(this.url, 'select pg_current_wal_flush_lsn()::text as at');
    const has = `select pg_last_wal_replay_lsn() >= '${at}' as has`;
    await until('the standby to follow', async () => (await query<{ has: boolean }>(this.#standbyUrl, has))[0]?.has === true);
  }

  async stopStandby(): Promise<void> {
    await this.#standby?.stop();
  }

  /** The server and its folder are gone; the standby takes its place and its address. Returns the bytes of its folder. */
  async failOver(): Promise<number> {
    await this.destroy();
    rmSync(this.data, { recursive: true });
    renameSync(this.#place.folder('standby'), this.data);
    await this.startAgain();
    await query(this.url, 'select pg_promote()');
    const [{ bytes = '0' } = {}] = await query<{ bytes: string }>(
      this.url,
      'select sum(pg_database_size(oid))::text as bytes from pg_database',
    );
    return Number(bytes);
  }

  /** Each backend has its own process session, so the first process's group does not include them. */
  async #killAll(): Promise<void> {
    await until('PostgreSQL to be gone', () => {
      const pids = processesIn(this.data);
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      return pids.length === 0;
    });
  }
}

/** One statement, on a connection of its own. */
export async function query<Row>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

function processesIn(folder: string): number[] {
  const pids = existsSync('/proc/self') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  return pids
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
      } catch {
        return false; // it has ended
      }
    })
    .map(Number);
}
