import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Refusal, say } from '@tradecore/local/runner/console.ts';
import { root } from '@tradecore/local/runner/home.ts';
import { askPanel, type Range } from '@tradecore/local/watch/boards/ask.ts';
import type { Board } from '@tradecore/local/watch/boards/board.ts';
import { boards } from '@tradecore/local/watch/boards/boards.ts';
import { pageOf, type Answered } from '@tradecore/local/watch/boards/page.ts';
import { amendSome, faultsOfEveryKind } from '../trading/faults.ts';
import { Traders } from '../trading/traders.ts';
import { startWorld, type World } from '../world.ts';
import type { Played } from './drills.ts';

/** A board with what Prometheus answers to each of its panels. */
export interface AnsweredBoard {
  readonly board: Board;
  readonly panels: readonly Answered[];
}

const tenMinutes: Range = { seconds: 600, step: 15 };

/**
 * Trades for `--minutes 10` beside a real Prometheus while the brokerage is faulty and services are killed, then asks
 * the query of every panel of every board and draws the answers into .local/boards.html. A query that
 * does not parse or finds nothing is a fault.
 */
export async function drillBoards(args: readonly string[]): Promise<Played> {
  const { values } = parseArgs({ args: [...args], options: { minutes: { type: 'string', default: '10' } } });
  const minutes = Number(values.minutes);
  if (!(minutes >= 1 && minutes <= 600)) throw new Refusal(`--minutes ${values.minutes}: say 1 to 600.`);
  const world = await startWorld('--watch');
  try {
    await tradeWithFaults(world, minutes * 60_000);
    const all = await answered(world);
    const page = join(root, '.local', 'boards.html');
    writeFileSync(page, pageOf(all));
    const faults = faultsOf(all);
    for (const fault of faults) say(`  ! ${fault}`);
    const count = all.flatMap(({ panels }) => panels).length;
    const inShort = `${count - faults.length} of ${count} panels on ${all.length} boards show data`;
    say(`${inShort}; they are drawn in ${page}`);
    return { isWell: faults.length === 0, inShort };
  } finally {
    await world.end();
  }
}

/** The address of the Prometheus beside the fleet. */
export function prometheusOf(world: World): string {
  const address = /Prometheus\s+(http:\S+)/.exec(world.output())?.[1];
  if (address === undefined) throw new Error('The fleet runs without --watch.');
  return address;
}

/** Asks every panel what Grafana would ask. */
export async function answered(world: World): Promise<AnsweredBoard[]> {
  const prometheus = prometheusOf(world);
  return Promise.all(
    boards.map(async (board) => {
      const panels: Answered[] = [];
      for (const panel of board.rows.flatMap((row) => row.panels))
        panels.push(
          await askPanel(prometheus, panel, tenMinutes).then(
            (series) => ({ panel, series }),
            (error: Error) => ({ panel, series: [], fault: error.message }),
          ),
        );
      return { board, panels };
    }),
  );
}

/** Panels that show nothing, or whose query is refused: one line each. */
export const faultsOf = (all: readonly AnsweredBoard[]): string[] =>
  all.flatMap(({ board, panels }) =>
    panels
      .filter(({ panel, series, fault }) => fault !== undefined || (series.length === 0 && !panel.mayBeEmpty))
      .map(({ panel, fault }) => `${board.title} / ${panel.title}: ${fault ?? `no data for ${panel.queries[0]?.expr}`}`),
  );

/** Ten orders a second; the brokerage makes every fault, and half-way services are killed. */
async function tradeWithFaults(world: World, ms: number): Promise<void> {
  const people = { client: await world.person('traders'), operator: await world.operator() };
  const traders = new Traders(people, { accounts: 10, workers: 5, pauseMs: 500, money: '5000000.00' });
  await traders.open();
  const trading = traders.trade(Number.MAX_SAFE_INTEGER);
  await pause(ms / 3);
  await faultsOfEveryKind(world.paper());
  await pause(ms / 6);
  for (const name of ['order-saga', 'order-projector', 'outbox-relay']) process.kill(world.pidOf(name), 'SIGKILL');
  await pause(ms / 6);
  await amendSome(world.paper(), 5);
  await pause(ms / 3);
  await world.paper().noFaults();
  traders.stop();
  await trading;
}
