import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeAt } from '@tradecore/local/runner/home.ts';
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
  readonly #home;
  readonly #place;
  readonly #make: () => Supervised;
  #server: Supervised;

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
    await own.#server.start();
    return own;
  }

  async createDatabase(name: string): Promise<string> {
    await createDatabase(this.url, name);
    return this.urlOf(name);
  }

  urlOf(database: string): string {
    const url = new URL(this.url);
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

  async end(): Promise<void> {
    await this.#server.stop();
    for (const path of [this.#home.path, this.#place.path]) rmSync(path, { recursive: true, force: true });
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
