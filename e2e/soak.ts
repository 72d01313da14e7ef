import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { say, seconds } from '../deploy/local/src/runner/console.ts';
import { demoAccount } from '../deploy/local/src/gateway/issuer.ts';
import { agrees, printed, compareAll, type Line } from './comparison.ts';
import { faultsOfEveryKind } from './faults.ts';
import { Traders } from './traders.ts';
import { startWorldWith, type World } from './world.ts';

/** People at their screens, and how long nobody looks before the next line is printed. */
const workers = 10;
const reportEveryMs = 30_000;

/**
 * Takes the broker away for minutes while orders go on, on a fleet of its own: `--minutes 10 --rate 20 --seed 1`. Orders wait where everybody sees
 * them; when the broker is back each of them ends, and store, broker, read models and topics are compared. Returns 1 when they differ.
 */
export async function soak(args: readonly string[]): Promise<number> {
  const { minutes, rate, seed } = read(args);
  say(`A fleet of its own, seed ${seed}: 20 accounts, ${rate} orders/s, the broker away for ${minutes} minutes\n`);
  const world = await startWorldWith({ PAPER_SEED: String(seed) });
  try {
    const client = await world.person('traders');
    const traders = new Traders(client, { accounts: 20, workers, pauseMs: (workers * 1000) / rate, money: '5000000.00' });
    await traders.open();
    const trading = traders.trade(Number.MAX_SAFE_INTEGER);
    await pause(20_000);
    await whileAway(world, traders, minutes * 60_000);
    await faultsOfEveryKind(world.paper());
    await pause(20_000);
    await world.paper().noFaults();
    traders.stop();
    await trading;
    say(`\n${traders.acknowledged.length} orders acknowledged, ${traders.surprises.length} answers that nobody expected`);
    const left = await traders.wrapUp(600_000);
    say(`${left.length} orders without an end`);
    const owners = [
      { client, accounts: traders.accounts },
      { client: await world.person('demo'), accounts: [demoAccount] },
    ];
    const lines = await comparison(world, owners);
    say(`\n${printed(lines)}`);
    const isWell = left.length === 0 && traders.surprises.length === 0 && lines.every(agrees);
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

/** Asks again for two minutes while somebody is behind. */
async function comparison(world: World, owners: Parameters<typeof compareAll>[0]['owners']): Promise<Line[]> {
  let lines: Line[] = [];
  const isWhole = async (): Promise<boolean> => {
    lines = await compareAll({ world, paper: world.paper(), owners });
    return lines.every(agrees);
  };
  await world.until('every service to say the same', isWhole, 120_000).catch(() => {});
  return lines;
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
