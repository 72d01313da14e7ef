import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { say, seconds } from '@tradecore/local/runner/console.ts';
import { demoAccount } from '@tradecore/local/runner/issuer.ts';
import { agrees, compareUntilAgreed, printed } from '@tradecore/checks';
import { findingsWhenCompared } from './comparison/findings.ts';
import { witnessesOf } from './comparison/witnesses.ts';
import { amendSome, faultsOfEveryKind } from './trading/faults.ts';
import { Traders } from './trading/traders.ts';
import { startWorldWith, type World } from './world.ts';

/** The number of traders, and the interval of progress lines. */
const workers = 10;
const reportEveryMs = 30_000;

/**
 * Stops the brokerage for minutes while orders continue, on a separate fleet: `--minutes 10 --rate 20 --seed 1`. Orders
 * wait, visibly; when the brokerage is back each of them ends, some trades are busted or corrected, and store,
 * brokerage, read models and topics are compared. Returns 1 if they differ, or if a step was sent twice while the
 * brokerage was down.
 */
export async function soak(args: readonly string[]): Promise<number> {
  const { minutes, rate, seed } = read(args);
  say(`A fleet of its own, seed ${seed}: 20 accounts, ${rate} orders/s, the brokerage away for ${minutes} minutes\n`);
  const world = await startWorldWith({ PAPER_SEED: String(seed) });
  try {
    const client = await world.person('traders');
    const traders = new Traders(
      { client, operator: await world.operator() },
      { accounts: 20, workers, pauseMs: (workers * 1000) / rate, money: '5000000.00' },
    );
    await traders.open();
    const trading = traders.trade(Number.MAX_SAFE_INTEGER);
    await pause(20_000);
    await whileAway(world, traders, minutes * 60_000);
    await faultsOfEveryKind(world.paper());
    await pause(20_000);
    await world.paper().noFaults();
    traders.stop();
    await trading;
    say(`\n${traders.acknowledged.length} orders acknowledged, ${traders.surprises.length} unexpected answers`);
    const left = await traders.wrapUp(600_000);
    await amendSome(world.paper(), 50);
    say(`${left.length} orders without an end`);
    const owners = [
      { client, accounts: traders.accounts },
      { client: await world.person('demo'), accounts: [demoAccount] },
    ];
    const lines = await compareUntilAgreed(witnessesOf({ world, paper: world.paper(), owners }), 120_000);
    say(`\n${printed(lines)}`);
    const findings = await findingsWhenCompared(world);
    say([`${findings.length} findings of the reconciler`, ...findings].join('\n  '));
    const repeated = await repeatedSteps(world);
    say(`${repeated} steps sent again`);
    const isWell = left.length === 0 && traders.surprises.length === 0 && repeated + findings.length === 0 && lines.every(agrees);
    say(isWell ? '\nNothing is lost, nothing doubled, and each order has ended.' : '\nThat is NOT what was promised.');
    return isWell ? 0 : 1;
  } finally {
    await world.end();
  }
}

async function whileAway(world: World, traders: Traders, ms: number): Promise<void> {
  const began = Date.now();
  await world.paper().fault({ kind: 'away', ms });
  const until = began + ms;
  while (Date.now() < until) {
    await pause(Math.min(reportEveryMs, until - Date.now()));
    const { rows } = await world.database.query<{ status: string; count: string }>(
      'select status, count(*) from order_projector.exported_orders group by 1 order by 1',
    );
    const statuses = rows.map(({ status, count }) => `${count} ${status}`).join(', ');
    say(`  away for ${seconds(Date.now() - began)}: ${traders.acknowledged.length} acknowledged; ${statuses}`);
  }
}

/** Steps whose deadline passed before the gateway had them: the brokerage was down, the gateway was not. */
async function repeatedSteps({ database }: World): Promise<number> {
  const { rows } = await database.query<{ count: string }>(
    `select count(*) from event_store where aggregate_type = 'OrderPlacement' and (event_data->>'attempt')::int > 1`,
  );
  return Number(rows[0]?.count);
}

function read(args: readonly string[]): { minutes: number; rate: number; seed: number } {
  const option = (value: string) => ({ type: 'string', default: value }) as const;
  const options = { minutes: option('10'), rate: option('20'), seed: option('1') };
  const { values } = parseArgs({ args: [...args], options });
  const number = (name: keyof typeof options, lowest: number, highest: number): number => {
    const value = Number(values[name]);
    if (value >= lowest && value <= highest) return value;
    throw new RangeError(`--${name} is a number from ${lowest} to ${highest}; it was "${values[name]}"`);
  };
  return { minutes: number('minutes', 0.1, 60), rate: number('rate', 1, 100), seed: number('seed', 0, 2 ** 32 - 1) };
}
