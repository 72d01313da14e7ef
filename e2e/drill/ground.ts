import { OwnPostgres } from '../own-postgres.ts';
import { startWorldWith, type World } from '../world.ts';
import { tradecore as once, type Said } from '../tradecore.ts';
import { Follower } from './follower.ts';
import { Writers } from './writers.ts';

/** A command of the operator, on the fleet of this world; repeated while a server does not answer. */
export async function tradecore(world: Pick<World, 'home'>, ...args: string[]): Promise<Said> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await once(world, ...args);
    if (answer.code !== unavailable || attempt === 5) return answer;
  }
}

/** EX_UNAVAILABLE. */
const unavailable = 69;

interface GroundOptions {
  readonly workers: number;
  /** 0 when absent. */
  readonly pauseMs?: number;
  /** `fast` when absent. */
  readonly durability?: 'fast' | 'durable';
}

/** A fleet on a PostgreSQL of its own, with a backup that follows it: everything that a disaster needs. */
export class Ground {
  readonly postgres: OwnPostgres;
  readonly world: World;
  readonly writers: Writers;
  readonly #follower: Follower;

  private constructor(parts: { postgres: OwnPostgres; world: World; writers: Writers; follower: Follower }) {
    this.postgres = parts.postgres;
    this.world = parts.world;
    this.writers = parts.writers;
    this.#follower = parts.follower;
  }

  /** Starts all of it; people write from now on, each pausing so long between two writes. */
  static async open({ workers, pauseMs = 0, durability = 'fast' }: GroundOptions): Promise<Ground> {
    const postgres = await OwnPostgres.start(durability);
    const world = await startWorldWith({ DATABASE_URL: postgres.url }).catch(async (error: unknown) => {
      await postgres.end();
      throw error;
    });
    const writers = new Writers(...(await Promise.all([world.person('drill'), world.operator()])));
    const ground = new Ground({ postgres, world, writers, follower: await Follower.of(world, postgres) });
    await writers.start(workers, pauseMs);
    return ground;
  }

  /** `tradecore backup --follow`, until it has its first base. */
  follow(): Promise<void> {
    return this.#follower.start();
  }

  /** `tradecore restore` with these options, as its own process. */
  restore(...options: string[]): Promise<Said> {
    return this.#follower.restore(...options);
  }

  /** Another command of the operator, on the fleet. */
  tradecore(...args: string[]): Promise<Said> {
    return tradecore(this.world, ...args);
  }

  /** Waits until this query has a row; a server that is away has none. */
  async holds(what: string, sql: string): Promise<void> {
    const { world } = this;
    await world.until(what, async () => (await world.database.query(sql).catch(() => ({ rows: [] }))).rows.length > 0, 180_000);
  }

  /** The operator's word after a restore. Returns how many events were taken back. */
  async resume(since: string): Promise<number> {
    const args = ['--since', since, '--why', 'a drill', `--yes=${this.world.namespace}`, '--json'];
    const { code, said } = await this.tradecore('relay', 'resume', ...args);
    if (code !== 0) throw new Error(`relay resume ended with ${code}: ${said}`);
    const rows = JSON.parse(said) as { what: string; events: number }[];
    return rows.find(({ what }) => what.endsWith('taken back'))?.events ?? 0;
  }

  async end(): Promise<void> {
    await this.writers.abandon();
    await Promise.all([this.#follower.end(), this.world.endAtOnce()]);
    await this.postgres.end();
  }
}
