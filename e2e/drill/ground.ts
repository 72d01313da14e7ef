import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openFleet, program } from '@tradecore/operate/program';
import { OwnPostgres } from '../own-postgres.ts';
import { ended, freePort, startWorld, until, type World } from '../world.ts';
import { Writers } from './writers.ts';

const bin = fileURLToPath(new URL('../../services/operate/bin/tradecore.mjs', import.meta.url));

/** What the operator's command came to. */
export interface Said {
  readonly code: number | null;
  readonly said: string;
}

/** A fleet on a PostgreSQL of its own, with a backup that follows it: everything that a disaster needs. */
export class Ground {
  readonly postgres: OwnPostgres;
  readonly world: World;
  readonly writers: Writers;
  readonly #backupDir = mkdtempSync(join(tmpdir(), 'backup-'));
  readonly #log: number;
  readonly #adminPort: number;
  #follower: ChildProcess | undefined;

  private constructor(parts: { postgres: OwnPostgres; world: World; writers: Writers; adminPort: number }) {
    this.postgres = parts.postgres;
    this.world = parts.world;
    this.writers = parts.writers;
    this.#adminPort = parts.adminPort;
    this.#log = openSync(join(this.world.home, 'run', 'backup.log'), 'a');
  }

  /** Starts all of it; people write from now on. */
  static async open({ workers, durability = 'fast' }: { workers: number; durability?: 'fast' | 'durable' }): Promise<Ground> {
    const postgres = await OwnPostgres.start(durability);
    process.env['DATABASE_URL'] = postgres.url;
    const world = await startWorld();
    const writers = new Writers(await world.person('drill'), await world.operator());
    const ground = new Ground({ postgres, world, writers, adminPort: await freePort() });
    await writers.start(workers);
    return ground;
  }

  /** `tradecore backup --follow`, until it has its first base. */
  async follow(): Promise<void> {
    this.#follower = spawn(process.execPath, [bin, 'backup', '--follow'], {
      env: this.#backupSettings(),
      stdio: ['ignore', this.#log, this.#log],
    });
    await until('the first base', async () => this.#isFollowing(), 180_000);
  }

  /** `tradecore restore` with these options, as its own process. */
  async restore(...options: string[]): Promise<Said> {
    const child = spawn(process.execPath, [bin, 'restore', ...options], {
      env: this.#backupSettings(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk) => (said += String(chunk)));
    return { code: await ended(child), said };
  }

  /** Another command of the operator, on the fleet. */
  async tradecore(...args: string[]): Promise<Said> {
    const said: string[] = [];
    const open = () => openFleet({ TRADECORE_HOME: this.world.home });
    return { code: await program(args, { say: (text) => said.push(text), open }), said: said.join('\n') };
  }

  /** The operator's word after a restore. */
  async resume(since: string): Promise<Said> {
    const from = new Date(Date.parse(since) - 60_000).toISOString();
    const answer = await this.tradecore('relay', 'resume', '--since', from, '--why', 'a drill', `--yes=${this.world.namespace}`);
    if (answer.code !== 0) throw new Error(`relay resume ended with ${answer.code}: ${answer.said}`);
    return answer;
  }

  async end(): Promise<void> {
    await this.writers.stop();
    this.#follower?.kill('SIGTERM');
    if (this.#follower) await ended(this.#follower);
    await this.world.end();
    await this.postgres.end();
    rmSync(this.#backupDir, { recursive: true, force: true });
  }

  async #isFollowing(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${this.#adminPort}/health/ready`).catch(() => undefined);
    return answer?.ok === true;
  }

  #backupSettings(): Record<string, string> {
    const { namespace, home, databaseUrl } = this.world;
    const login = new URL(databaseUrl);
    login.username = `${namespace}_backup`;
    login.password = readFileSync(join(home, 'secrets', 'roles', 'backup'), 'utf8');
    const { folder, libraries = '' } = this.postgres.programs;
    return {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: login.href,
      BACKUP_DIR: this.#backupDir,
      POSTGRES_DATA: this.postgres.data,
      POSTGRES_PROGRAMS: folder,
      POSTGRES_LIBRARIES: libraries,
      ADMIN_PORT: String(this.#adminPort),
    };
  }
}
