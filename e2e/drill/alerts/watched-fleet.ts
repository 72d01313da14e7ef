import type { Client, OrderSeen } from '@tradecore/local/demo/client.ts';
import { say } from '@tradecore/local/runner/console.ts';
import { homeAt } from '@tradecore/local/runner/home.ts';
import { endedBySignal } from '@tradecore/local/runner/interruption.ts';
import { Supervised } from '@tradecore/local/runner/processes.ts';
import { prometheus } from '@tradecore/local/servers/prometheus.ts';
import { serverPlace } from '@tradecore/local/servers/server-place.ts';
import { rulesOf } from '@tradecore/local/watch/alerts/rules.ts';
import { targetsOf } from '@tradecore/local/watch/watch.ts';
import { quickChecks } from '../../comparison/findings.ts';
import { Follower } from '../follower.ts';
import { OwnPostgres } from '../../own-postgres.ts';
import { tradecore } from '../../tradecore.ts';
import { fleetOf, freePort, isAlive, startWorldWith, type World } from '../../world.ts';

/** An alert of Prometheus that is pending or firing. */
export interface ActiveAlert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
}

/** What takes a minute in production is over in seconds. */
const settings = { ...quickChecks, BROKER_TRIES: '3' };

/** A fleet with a PostgreSQL of its own, and a real Prometheus that judges it every second. */
export class WatchedFleet {
  readonly world: World;
  readonly postgres: OwnPostgres;
  readonly follower: Follower;
  readonly client: Client;
  /** Accounts with money, to place orders for. */
  readonly accounts: readonly string[];
  readonly #stopPrometheus: () => Promise<void>;
  readonly #wake: () => Promise<void>;
  readonly #address: string;

  private constructor(
    parts: Pick<WatchedFleet, 'world' | 'postgres' | 'follower' | 'client' | 'accounts'>,
    prometheus: { stop: () => Promise<void>; address: string },
  ) {
    ({ world: this.world, postgres: this.postgres, follower: this.follower, client: this.client } = parts);
    this.accounts = parts.accounts;
    [this.#stopPrometheus, this.#address] = [prometheus.stop, prometheus.address];
    this.#wake = endedBySignal(() => Promise.resolve(this.wake())); // what hangs does not end
  }

  /** Starts both; the times of the rules are divided by `scale`. */
  static async open(scale: number): Promise<WatchedFleet> {
    const postgres = await OwnPostgres.start();
    const world = await startWorldWith({ ...settings, DATABASE_URL: postgres.url }, '--scale', 'order-projector=2').catch(
      async (error: unknown) => {
        await postgres.end();
        throw error;
      },
    );
    const client = await world.person('drill');
    const accounts = await Promise.all(Array.from({ length: 12 }, (_, n) => client.openAccount(`drill-${n}`)));
    const operator = await world.operator();
    await Promise.all(accounts.map((id) => operator.deposit(id, '100000.00', 'drill')));
    const port = await freePort();
    const home = homeAt(world.home);
    const follower = await Follower.of(world, postgres);
    const backup = { job: 'backup', instance: 'backup', address: `127.0.0.1:${follower.adminPort}` };
    const targets = [...targetsOf(fleetOf(world.home)), backup];
    const options = { port, targets, rules: JSON.stringify(rulesOf(scale)), rhythm: { scrape: 1, judge: 1 } };
    const server = new Supervised(home, prometheus(serverPlace(home), options), ({ how }) => say(`  ! Prometheus ended: ${how}`));
    const stop = endedBySignal(() => server.stop());
    await server.start();
    return new WatchedFleet({ world, postgres, follower, client, accounts }, { stop, address: `http://127.0.0.1:${port}` });
  }

  /** All that are pending or firing now. */
  async alerts(): Promise<ActiveAlert[]> {
    const answer = await fetch(`${this.#address}/api/v1/alerts`);
    return ((await answer.json()) as { data: { alerts: ActiveAlert[] } }).data.alerts;
  }

  /** True once every process was read. */
  async isSeen(): Promise<boolean> {
    const answer = await fetch(`${this.#address}/api/v1/query?query=count(up==1)`);
    const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
    return Number(data.result[0]?.value[1]) === fleetOf(this.world.home).length;
  }

  /** One statement, as the owner. */
  async sql<Row = Record<string, string>>(text: string, ...parameters: unknown[]): Promise<Row[]> {
    return (await this.world.database.query(text, parameters)).rows as Row[];
  }

  /** Holds a lock, as a forgotten session does. Returns what ends it. */
  async lock(statement: string): Promise<() => Promise<void>> {
    const session = await this.world.database.connect();
    const unlock = async (): Promise<void> => {
      await session.query('rollback').catch(() => undefined);
      session.release(true);
    };
    await session.query('begin');
    await session.query(statement).catch(async (error: unknown) => {
      await unlock();
      throw error;
    });
    return unlock;
  }

  /** A process of the fleet that neither works nor ends. */
  hang(...names: string[]): void {
    for (const name of names) process.kill(this.world.pidOf(name), 'SIGSTOP');
  }

  /** As the page of a service that hangs says: it is killed, and the runner starts it again. */
  async kill(...names: string[]): Promise<void> {
    for (const name of names) {
      const pid = this.world.pidOf(name);
      process.kill(pid, 'SIGKILL');
      await this.world.until(`${name} to be gone`, () => !isAlive(pid));
    }
    for (const name of names) await this.world.until(`${name} to be ready`, () => this.isReady(name), 60_000);
  }

  async isReady(name: string): Promise<boolean> {
    const { adminPort } = fleetOf(this.world.home).find((each) => each.name === name) ?? {};
    const answer = fetch(`http://127.0.0.1:${adminPort}/health/ready`, { signal: AbortSignal.timeout(1000) });
    return answer.then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** Places an order that trades at once, without waiting for it. */
  order(account = this.accounts[0] ?? '', quantity = '1'): Promise<OrderSeen> {
    return this.client.place(account, { symbol: 'ACME', side: 'buy', type: 'market', quantity, timeInForce: 'day' });
  }

  /** A command of the runbook, printed with its answer's first line. */
  async tradecore(...args: string[]): Promise<string> {
    const { code, said } = await tradecore(this.world, ...args);
    say(`    $ tradecore ${args.join(' ')}   (${code}) ${said.split('\n')[0]?.slice(0, 100) ?? ''}`);
    return said;
  }

  /** A change by an operator: `--why` and the name. */
  async act(name: string, ...args: string[]): Promise<string> {
    return this.tradecore(...args, '--why', 'a drill', `--yes=${name}`);
  }

  /** Acknowledges what the reconciler has found, once it is known why. */
  async acknowledge(): Promise<void> {
    const findings = await this.tradecore('findings', 'list');
    const ids = [...findings.matchAll(/^[0-9a-f-]{36}/gm)].map(([id]) => id);
    for (const id of ids) await this.act(id, 'findings', 'acknowledge', id);
  }

  /** Whatever hangs goes on: after a fault that was not cured. */
  wake(): void {
    for (const { name } of fleetOf(this.world.home)) {
      try {
        process.kill(this.world.pidOf(name), 'SIGCONT');
      } catch {
        // It does not run.
      }
    }
  }

  async end(): Promise<void> {
    await this.#stopPrometheus();
    await this.#wake();
    await this.follower.end();
    await this.world.end();
    await this.postgres.end();
  }
}
