import { parseArgs } from 'node:util';
import { Refusal, say, seconds, table } from '@tradecore/local/runner/console.ts';
import { failoverCase } from './failover-case.ts';
import type { Played } from './drills.ts';
import { Ground } from './ground.ts';
import { publish } from './published.ts';
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

/**
 * Destroys the database of a fleet under load, one case after the other, each with a fleet and a PostgreSQL of its own; prints what was lost and how
 * long it took, and writes it into docs/backup.md when all cases were played: `--case b --seconds 20 --workers 8`.
 */
export async function drillRestore(args: readonly string[]): Promise<Played> {
  const { wanted, workers, pace } = read(args);
  const rows: string[][] = [];
  let isWell = true;
  for (const { title, play } of cases.filter(({ name }) => wanted === undefined || name === wanted)) {
    say(`\n${title}: ${workers} people write`);
    const ground = await Ground.open({ workers, durability: 'durable' });
    try {
      const outcome = await play(ground, pace);
      rows.push(rowOf(title, outcome));
      isWell &&= outcome.findings.length === 0;
      for (const finding of outcome.findings) say(`  ! ${finding}`);
      say(`  ${outcome.relay.split('\n').join('\n  ')}`);
    } finally {
      await ground.end();
    }
  }
  const titles = [
    'case',
    'data',
    'acknowledged writes',
    'events taken back',
    'writes lost',
    'lost over',
    'until the next acknowledged write',
  ];
  say(`\n${table([titles, ...rows])}`);
  if (wanted === undefined && isWell) publish('backup.md', 'drill -- restore', [titles, ...rows]);
  say(
    isWell ? '\nWhat clients were told is so, but for the writes that are counted as lost.' : '\nThat is NOT what was promised.',
  );
  return { isWell, inShort: rows.map(([, , acknowledged, , lost]) => `${lost} of ${acknowledged} lost`).join('; ') };
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
