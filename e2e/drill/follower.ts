import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endedBySignal } from '@tradecore/local/runner/interruption.ts';
import type { OwnPostgres } from '../own-postgres.ts';
import type { Said } from '../tradecore.ts';
import { ended, freePort, stop, until, type World } from '../world.ts';

const bin = fileURLToPath(new URL('../../services/operate/bin/tradecore.mjs', import.meta.url));

/** The backup of a fleet on a PostgreSQL of its own: `tradecore backup --follow`, and restores out of its folder. */
export class Follower {
  /** Of its metrics. */
  readonly adminPort: number;
  /** BACKUP_DIR. */
  readonly folder = mkdtempSync(join(tmpdir(), 'backup-'));
  readonly #world: World;
  readonly #postgres: OwnPostgres;
  readonly #log: number;
  #process: ChildProcess | undefined;
  #stop: () => Promise<unknown> = () => Promise.resolve();

  private constructor(world: World, postgres: OwnPostgres, adminPort: number) {
    [this.#world, this.#postgres, this.adminPort] = [world, postgres, adminPort];
    this.#log = openSync(join(world.home, 'run', 'backup.log'), 'a');
  }

  /** One that does not follow yet. */
  static async of(world: World, postgres: OwnPostgres): Promise<Follower> {
    return new Follower(world, postgres, await freePort());
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** `tradecore backup --follow`, until it has its first base. */
  async start(): Promise<void> {
    const stdio = ['ignore', this.#log, this.#log] as const;
    const child = spawn(process.execPath, [bin, 'backup', '--follow'], { env: this.#settings(), stdio: [...stdio] });
    this.#process = child;
    this.#stop = endedBySignal(() => stop(child, 'SIGTERM'));
    await until('the first base', async () => this.#isFollowing(), 180_000);
  }

  async stop(): Promise<void> {
    await this.#stop();
  }

  /** `tradecore restore` with these options, as its own process. */
  async restore(...options: string[]): Promise<Said> {
    const child = spawn(process.execPath, [bin, 'restore', ...options], {
      env: this.#settings(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk) => (said += String(chunk)));
    const end = endedBySignal(() => ended(child)); // a restore is over in seconds, and leaves a PostgreSQL if it is killed
    return { code: await end(), said };
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #isFollowing(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${this.adminPort}/health/ready`).catch(() => undefined);
    return answer?.ok === true;
  }

  #settings(): Record<string, string> {
    const { namespace, home, databaseUrl } = this.#world;
    const login = new URL(databaseUrl);
    login.username = `${namespace}_backup`;
    login.password = readFileSync(join(home, 'secrets', 'roles', 'backup'), 'utf8');
    const { folder, libraries = '' } = this.#postgres.programs;
    return {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: login.href,
      BACKUP_DIR: this.folder,
      POSTGRES_DATA: this.#postgres.data,
      POSTGRES_PROGRAMS: folder,
      POSTGRES_LIBRARIES: libraries,
      ADMIN_PORT: String(this.adminPort),
    };
  }
}
