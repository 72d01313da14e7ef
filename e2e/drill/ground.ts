import { openFleet, program } from '@tradecore/operate/program';
import { OwnPostgres } from '../own-postgres.ts';
import { startWorld, type World } from '../world.ts';
import { Follower, type Said } from './follower.ts';
import { Writers } from './writers.ts';

export type { Said } from './follower.ts';

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

  /** Starts all of it; people write from now on. */
  static async open({ workers, durability = 'fast' }: { workers: number; durability?: 'fast' | 'durable' }): Promise<Ground> {
    const postgres = await OwnPostgres.start(durability);
    process.env['DATABASE_URL'] = postgres.url;
    const world = await startWorld();
    const writers = new Writers(await world.person('drill'), await world.operator());
    const ground = new Ground({ postgres, world, writers, follower: await Follower.of(world, postgres) });
    await writers.start(workers);
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
    await this.#follower.end();
    await this.world.end();
    await this.postgres.end();
  }
}
