import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Refusal, say, seconds, table } from '@tradecore/local/runner/console.ts';
import { publishRows, titles } from './page.ts';
import { NotAsPromised } from './agreement.ts';
import { openGround } from './ground.ts';
import type { Scene } from './scene.ts';
import { scenes, unproven } from './scenes.ts';
import { Stage } from './stage.ts';
import { SteadyOrders } from './steady-orders.ts';
import { printTroubles } from './troubles.ts';

interface Options {
  readonly wanted: readonly Scene[];
  readonly keep: boolean;
  readonly isBuilt: boolean;
  readonly values: readonly string[];
}

/** What became of a scene. */
interface Played {
  readonly scene: Scene;
  readonly isWell: boolean;
  readonly seen: string;
  readonly ms: number;
}

/**
 * Plays every scene on a real cluster, or `--only kafka-away,upgrade`; `--values FILE` for what stands in for a server, `--built` where the images are
 * in the cluster, `--keep` to look at what is left. Prints a table, writes what holds into docs/cluster.md; returns 1 when one failed.
 */
export async function cluster(args: readonly string[]): Promise<number> {
  const { wanted, keep, isBuilt, values } = read(args);
  const ground = await openGround({ keep });
  const stage = new Stage(ground.cluster, { values, isBuilt, isAnew: wanted.some(({ name }) => name === 'install') });
  const played: Played[] = [];
  try {
    await stage.open();
    for (const scene of wanted) played.push(await play(scene, stage));
  } finally {
    await stage.close({ keep });
    await ground.close();
  }
  const rows = played.map(rowOf);
  const isWell = played.every((each) => each.isWell);
  const total = seconds(played.reduce((sum, { ms }) => sum + ms, 0));
  say(
    `\n${table([titles, ...rows])}\n\n${played.length} scenes in ${total}\n\nNot proven:\n${unproven.map((each) => `  ${each}`).join('\n')}`,
  );
  publishRows(rows.filter((_, n) => played[n]?.isWell));
  return isWell ? 0 : 1;
}

async function play(scene: Scene, stage: Stage): Promise<Played> {
  say(`\n== ${scene.name}: ${scene.proves}`);
  const began = Date.now();
  try {
    const seen = await scene.run(stage);
    const ms = Date.now() - began;
    say(`   ${seen}\n   ${seconds(ms)}`);
    return { scene, isWell: true, seen, ms };
  } catch (error) {
    const ms = Date.now() - began;
    say(`\n   FAILED after ${seconds(ms)}: ${error instanceof NotAsPromised ? error.message : (error as Error).stack}`);
    if ((error as Error).cause) say(`   ${String((error as Error).cause)}`);
    await printTroubles(stage.cluster).catch((trouble: unknown) => say(String(trouble)));
    await SteadyOrders.stopAll();
    return { scene, isWell: false, seen: firstLine(error as Error), ms };
  }
}

const firstLine = ({ message }: Error): string => message.split('\n')[0]?.slice(0, 120) ?? '';

const rowOf = ({ scene, isWell, seen, ms }: Played): string[] => [
  scene.name,
  scene.proves,
  isWell ? 'holds' : 'FAILED',
  seen,
  seconds(ms),
];

function read(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      keep: { type: 'boolean', default: false },
      built: { type: 'boolean', default: false },
      values: { type: 'string', multiple: true, default: [] },
    },
  });
  const names = values.only?.split(',');
  const unknown = names?.filter((name) => !scenes.some((scene) => scene.name === name)) ?? [];
  if (unknown.length > 0)
    throw new Refusal(`No scene ${unknown.join(', ')}. There are: ${scenes.map(({ name }) => name).join(', ')}.`);
  const from = process.env['INIT_CWD'] ?? process.cwd();
  return {
    wanted: scenes.filter(({ name }) => names?.includes(name) ?? true),
    keep: values.keep,
    isBuilt: values.built,
    values: values.values.map((file) => resolve(from, file)),
  };
}
