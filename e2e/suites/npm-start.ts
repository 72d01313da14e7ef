import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fundDemoAccount } from '@tradecore/local/demo/account.ts';
import { demoAccount } from '@tradecore/local/runner/issuer.ts';
import { ended, freePort, isAlive, run, until } from '../world.ts';
import type { Stage } from './stage.ts';

const insiders = [
  ...['command-api', 'query-api', 'order-saga', 'broker-gateway', 'outbox-relay'],
  ...['order-projector', 'account-projector', 'position-projector', 'feed-projector', 'notifier', 'reconciler'],
];
const services = [...insiders, 'order-projector-2', 'paper-broker'];

/** The runner's promises for a fleet started with two order-projectors. */
export function npmStart(stage: Stage): void {
  it('runs each service as a separate process, with a pid file and a log', () => {
    const pids = services.map((name) => stage.world.pidOf(name));
    expect(new Set(pids).size).toBe(services.length);
    expect(pids.every(isAlive)).toBe(true);
    expect(services.every((name) => existsSync(join(stage.world.home, 'run', `${name}.log`)))).toBe(true);
  });

  it('gives each service its own login, with a password readable only by the owner', async () => {
    const { rows } = await stage.world.database.query<{ login: string }>(
      `select distinct usename as login from pg_stat_activity where usename like $1`,
      [`${stage.world.namespace}\\_%`],
    );
    const logins = insiders
      .filter((name) => name !== 'notifier')
      .map((name) => `${stage.world.namespace}_${name.replaceAll('-', '_')}`);
    expect(rows.map(({ login }) => login).sort()).toEqual(logins.sort());
    const secrets = join(stage.world.home, 'secrets');
    const files = readdirSync(secrets, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(5);
    expect(files.filter(({ parentPath, name }) => (statSync(join(parentPath, name)).mode & 0o777) !== 0o600)).toEqual([]);
  });

  it('shows each step with its time, a table of addresses, and the line that it is ready', () => {
    const output = stage.world.output();
    expect(output).toMatch(/✓ migrations and topics +\d+\.\d s/);
    expect(output).toMatch(/PostgreSQL +postgres:\/\/.+\n +Kafka +kafka:\/\/.+\n +Redis +redis:\/\//);
    expect(output).not.toContain(readFileSync(join(stage.world.home, 'secrets', 'roles', 'command-api'), 'utf8'));
    expect(output).toContain(`TradeCore is ready: ${stage.world.address}\n`);
  });

  it('opens and funds the demo account, once, and prints it', async () => {
    expect(stage.world.output()).toContain(`The demo account ${demoAccount} has 100000 USD. Trade with it: npm run demo`);
    const { rows } = await stage.world.database.query<{ event_type: string }>(
      'select event_type from event_store where aggregate_id = $1 order by aggregate_version',
      [demoAccount],
    );
    expect(rows.map(({ event_type: type }) => type)).toEqual(['AccountOpened', 'FundsDeposited']);
    const client = await stage.world.person('demo');
    expect(await client.account(demoAccount)).toMatchObject({ cash: '100000', reserved: '0', buyingPower: '100000' });
    expect((await fundDemoAccount(client, await stage.world.operator())).cash).toBe('100000');
  });

  it('refuses a second fleet in the same home', async () => {
    const env = { ...process.env, TRADECORE_HOME: stage.world.home, PORT: String(await freePort()) };
    const { runner, output } = run(['start'], env);
    expect(await ended(runner)).toBe(1);
    expect(output()).toContain('runs in');
  }, 30_000);

  it('refuses a port that is taken', async () => {
    const home = mkdtempSync(join(tmpdir(), 'tradecore-'));
    const env = { ...process.env, TRADECORE_HOME: home, PORT: new URL(stage.world.address).port };
    const { runner, output } = run(['start'], env);
    expect(await ended(runner)).toBe(1);
    expect(output()).toContain('is taken');
    rmSync(home, { recursive: true });
  }, 30_000);

  it('reports a crash, and restarts the service', async () => {
    const killed = stage.world.pidOf('feed-projector');
    process.kill(killed, 'SIGKILL');
    await until('the service to run again', () => {
      const file = join(stage.world.home, 'run', 'feed-projector.pid');
      return existsSync(file) && stage.world.pidOf('feed-projector') !== killed;
    });
    expect(stage.world.output()).toContain('feed-projector ended (signal SIGKILL); it starts again in 0.3 s');
  }, 60_000);
}

/** Its promises at the end. Nothing runs after it. */
export function npmStop(stage: Stage): void {
  it('stops everything in order at Ctrl-C, and leaves nothing running', async () => {
    const pids = services.map((name) => stage.world.pidOf(name));
    expect(await stage.world.end()).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    const { output } = stage.world;
    expect(output().indexOf('address closed')).toBeLessThan(output().indexOf('services stopped'));
  }, 90_000);
}
