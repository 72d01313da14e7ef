import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordedEvent } from '@tradecore/events';
import type { OrderSeen } from '@tradecore/local/demo/client.ts';
import { demoAccount } from '@tradecore/local/runner/issuer.ts';
import { beganAt } from '@tradecore/local/runner/processes.ts';
import { compareUntilAgreed, disagreements, feedTypes, printed, type Line } from '@tradecore/checks';
import { findingsWhenCompared, quickChecks } from './comparison/findings.ts';
import { readStore, witnessesOf } from './comparison/witnesses.ts';
import { saveInBulk } from './trading/load.ts';
import { StreamClient } from './trading/stream-client.ts';
import { Traders } from './trading/traders.ts';
import { depositInFeed, ended, fleetOf, isAlive, run, startWorldWith, type World } from './world.ts';

/** In kill order, two or three at the same moment; the relay is killed twice, because much depends on it. */
const groups = [
  ['outbox-relay', 'order-projector'],
  ['command-api', 'feed-projector'],
  ['order-saga', 'account-projector'],
  ['broker-gateway', 'position-projector'],
  ['paper-broker', 'notifier'],
  ['query-api', 'outbox-relay', 'reconciler'],
] as const;

describe('kill -9 of every service, two or three together, under trading load', () => {
  let world: World;
  let traders: Traders;
  let stream: StreamClient;
  let left: readonly OrderSeen[];
  let stored: readonly RecordedEvent[];
  let lines: Line[];
  let findings: readonly string[];

  beforeAll(async () => {
    world = await startWorldWith(quickChecks);
    const client = await world.person('traders');
    traders = new Traders(
      { client, operator: await world.operator() },
      { accounts: 4, workers: 4, pauseMs: 100, money: '500000.00' },
    );
    await traders.open();
    const [account = ''] = traders.accounts;
    // Changes before the subscription are not pushed: the opening and the deposit.
    await depositInFeed(world, account);
    stream = new StreamClient(world.address, account, client.authorization);
    await stream.subscribed;
    let isOver = false;
    const bulk = saveInBulk(loginOf(world, 'command-api'), account, () => isOver);
    const trading = traders.trade(Number.MAX_SAFE_INTEGER);
    for (const group of groups) await killWhileTrading(world, traders, group);
    isOver = true;
    traders.stop();
    await Promise.all([trading, bulk]);
    left = await traders.wrapUp(180_000);
    const owners = [
      { client, accounts: traders.accounts },
      { client: await world.person('demo'), accounts: [demoAccount] },
    ];
    lines = await compareUntilAgreed(witnessesOf({ world, paper: world.paper(), owners }), 90_000);
    process.stdout.write(`\n${printed(lines)}\n`);
    stored = await readStore(world.databaseUrl);
    findings = await findingsWhenCompared(world);
  }, 600_000);

  afterAll(async () => {
    stream.close();
    await world.end();
  }, 90_000);

  it('loses no acknowledged order, and answers nothing unexpected', () => {
    const placed = new Set(stored.filter(({ type }) => type === 'OrderPlaced').map(({ aggregateId }) => aggregateId));
    expect(traders.acknowledged.length).toBeGreaterThan(200);
    expect(traders.acknowledged.filter(({ id }) => !placed.has(id))).toEqual([]);
    expect(traders.surprises).toEqual([]);
  });

  it('brings each order to one terminal state', () => {
    expect(left).toEqual([]);
  });

  it('puts every stored event on its topic once and in order; store, brokerage, books and read models agree', () => {
    expect(disagreements(lines)).toEqual([]);
    expect(findings).toEqual([]);
  });

  it('shows a client that reconnects each change exactly once, without a gap', async () => {
    const shown = stored.filter(({ type, metadata }) => feedTypes.has(type) && metadata.account === traders.accounts[0]);
    await world.until('the stream to be complete', () => shown.length - stream.entries.length <= 2, 60_000);
    const pushed = new Set(stream.entries.map(({ eventId }) => eventId));
    expect(shown.filter(({ id }) => !pushed.has(id)).map(({ type }) => type)).toEqual(['AccountOpened', 'FundsDeposited']);
    const first = stream.entries[0]?.sequence ?? 0;
    expect(stream.entries.map(({ sequence }) => sequence)).toEqual(stream.entries.map((_, index) => first + index));
    expect(pushed.size).toBe(stream.entries.length);
    expect(stream.resyncs).toEqual([]);
  }, 90_000);

  it('leaves processes when the runner itself is killed, and the next command in its home stops them', async () => {
    const left = fleetOf(world.home).map(({ name }) => ({ name, pid: world.pidOf(name), began: beganAt(world.pidOf(name)) }));
    const alive = () => left.filter(({ pid, began }) => isAlive(pid) && beganAt(pid) === began); // pids are reused
    world.runner.kill('SIGKILL');
    await ended(world.runner);
    expect(alive()).toEqual(left);
    const { runner, output } = run(['reset'], { ...process.env, TRADECORE_HOME: world.home });
    expect(await ended(runner)).toBe(0);
    expect(output()).toContain('is empty');
    expect(alive()).toEqual([]);
    expect(readdirSync(world.home)).toEqual([]);
  }, 90_000);
});

/** Kills them after some more orders, and waits until the runner has restarted them. */
async function killWhileTrading(world: World, traders: Traders, group: readonly string[]): Promise<void> {
  const before = traders.acknowledged.length;
  await world.until(`orders before ${group} are killed`, () => traders.acknowledged.length >= before + 30, 60_000);
  const pids = group.map((service) => [service, world.pidOf(service)] as const);
  for (const [, pid] of pids) process.kill(pid, 'SIGKILL');
  for (const [service, pid] of pids)
    await world.until(`${service} to be ready again`, () => isReadyAgain(world, service, pid), 90_000);
}

async function isReadyAgain(world: World, service: string, killed: number): Promise<boolean> {
  try {
    if (world.pidOf(service) === killed) return false;
    const port = fleetOf(world.home).find(({ name }) => name === service)?.adminPort;
    return (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok;
  } catch {
    return false;
  }
}

function loginOf(world: World, service: string): string {
  const url = new URL(world.databaseUrl);
  url.username = `${world.namespace}_${service.replaceAll('-', '_')}`;
  url.password = readFileSync(join(world.home, 'secrets', 'roles', service), 'utf8');
  return url.href;
}
