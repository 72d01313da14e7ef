import { parseArgs } from 'node:util';
import { Refusal, say, seconds, table } from '@tradecore/local/runner/console.ts';
import { leavingNothing } from '@tradecore/local/runner/interruption.ts';
import { failoverCase } from './failover-case.ts';
import type { Played } from './drills.ts';
import { Ground } from './ground.ts';
import { publish, withPublished } from './published.ts';
import { restoreCase, type Outcome, type Pace } from './restore-cases.ts';

/** What is destroyed, and what is expected of it. */
interface Case {
  readonly name: string;
  readonly title: string;
  readonly play: (ground: Ground, pace: Pace) => Promise<Outcome>;
}

const cases: readonly Case[] = [
  {
    name: 'a',
    title: 'the disk is lost, restored to the latest moment',
    play: (ground, pace) => restoreCase(ground, pace, false),
  },
  { name: 'b', title: 'restored to a moment before the last writes', play: (ground, pace) => restoreCase(ground, pace, true) },
  { name: 'c', title: 'failover to a standby that lags', play: failoverCase },
];

const command = 'drill -- restore';
const titles = [
  'case',
  'data',
  'acknowledged writes',
  'events taken back',
  'writes lost',
  'lost over',
  'until the next acknowledged write',
];

/**
 * Destroys the database of a fleet under load, one case after the other, each with a fleet and a PostgreSQL of its own; prints what was lost and how
 * long it took, and writes it into docs/backup.md: `--case b --seconds 20 --workers 8`. A case that fails does not keep the others from being played.
 */
export async function drillRestore(args: readonly string[]): Promise<Played> {
  const { wanted, workers, pace } = read(args);
  const results: Result[] = [];
  for (const each of cases.filter(({ name }) => wanted === undefined || name === wanted))
    results.push(await resultOf(each, workers, pace));
  const isWell = results.every((each) => each.isWell);
  say(`\n${table([titles, ...results.flatMap(({ row }) => (row ? [row] : []))])}`);
  say(
    isWell ? '\nWhat clients were told is so, but for the writes that are counted as lost.' : '\nThat is NOT what was promised.',
  );
  return { isWell, inShort: results.map(({ inShort }) => inShort).join('; ') };
}

/** What a case came to: its row where it came to its end. */
interface Result extends Played {
  readonly row?: readonly string[];
}

async function resultOf(each: Case, workers: number, pace: Pace): Promise<Result> {
  say(`\n${each.title}: ${workers} people write`);
  const began = Date.now();
  const outcome = await leavingNothing(() => played(each, workers, pace)).catch((error: unknown) => error as Error);
  const findings = outcome instanceof Error ? [`broke down: ${outcome.stack}`] : outcome.findings;
  const isWell = findings.length === 0;
  const result = isWell ? 'passed' : 'FAILED';
  for (const finding of findings) say(`  ! ${finding}`);
  const took = `${result} after ${seconds(Date.now() - began)}`;
  if (outcome instanceof Error) {
    say(`  ${took}`);
    return { isWell, inShort: `${each.name} broke down` };
  }
  say(`  ${outcome.relay.split('\n').join('\n  ')}\n  ${took}`);
  const row = rowOf(each.title, outcome);
  if (isWell) publishRow(row);
  return { isWell, row, inShort: `${each.name} ${result}: ${outcome.lost} of ${outcome.acknowledged} lost` };
}

async function played({ play }: Case, workers: number, pace: Pace): Promise<Outcome> {
  const ground = await Ground.open({ workers, durability: 'durable' });
  return play(ground, pace).finally(() => ground.end());
}

/** The rows of other cases stay as they were measured before. */
function publishRow(row: readonly string[]): void {
  const known = withPublished('backup.md', command, [row]);
  publish('backup.md', command, [titles, ...cases.map(({ title }) => known.get(title)).filter((each) => each !== undefined)]);
}

const rowOf = (title: string, { bytes, acknowledged, takenBack, lost, lostMs, outageMs }: Outcome): string[] => [
  title,
  `${(bytes / 1e6).toFixed(0)} MB`,
  String(acknowledged),
  String(takenBack),
  String(lost),
  lost === 0 ? '-' : `${lostMs} ms`,
  seconds(outageMs),
];

function read(args: readonly string[]): { wanted: string | undefined; workers: number; pace: Pace } {
  const options = {
    case: { type: 'string' },
    seconds: { type: 'string', default: '20' },
    workers: { type: 'string', default: '8' },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  const number = (name: 'seconds' | 'workers', highest: number): number => {
    const value = Number(values[name]);
    if (value >= 1 && value <= highest) return value;
    throw new Refusal(`--${name} is a number from 1 to ${highest}; it was "${values[name]}"`);
  };
  if (values.case !== undefined && !cases.some(({ name }) => name === values.case)) {
    throw new Refusal(`--case is ${cases.map(({ name }) => name).join(', ')}; it was "${values.case}"`);
  }
  const ms = number('seconds', 600) * 1000;
  return { wanted: values.case, workers: number('workers', 50), pace: { beforeMs: ms, afterMs: ms / 4 } };
}
