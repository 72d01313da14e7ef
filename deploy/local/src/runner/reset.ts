import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Refusal, say, table } from './console.ts';
import { home, homeAt, type Home } from './home.ts';
import { livePids, stopLeftovers } from './processes.ts';
import { allElsewhere, elsewhere } from '../servers/server-place.ts';

/**
 * Empties the home: every event, every password, every log. Processes left by an earlier run are stopped first. `--all`
 * also lists the data that homes have elsewhere, and removes that of homes that are gone.
 */
export async function reset(args: readonly string[] = []): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { all: { type: 'boolean', default: false } } });
  const homes = [home, ...testHomes()];
  for (const each of homes) {
    const runner = livePids(each).find(({ name }) => name === 'runner');
    if (runner) throw new Refusal(`A fleet or a test run uses ${each.path} (process ${runner.pid}): stop it with Ctrl-C first.`);
  }
  for (const each of homes) {
    await stopLeftovers(each);
    rmSync(elsewhere(each), { recursive: true, force: true });
  }
  if (existsSync(home.path))
    for (const name of readdirSync(home.path)) rmSync(join(home.path, name), { recursive: true, force: true });
  say(`${home.path} is empty.`);
  if (values.all) {
    const rows = removeOrphans();
    say(rows.length === 0 ? 'No data is outside its home.' : table(rows));
  }
  return 0;
}

/**
 * Removes data of homes that are gone; reports each data folder's home and outcome. Data in use, or without a known
 * home, stays.
 */
export function removeOrphans(parent?: string): string[][] {
  return allElsewhere(parent).map(({ path, home: owner = 'unknown', isOrphan, usedBy }) => {
    const isFree = isOrphan && usedBy === undefined;
    if (isFree) rmSync(path, { recursive: true, force: true });
    const use = usedBy === undefined ? '' : `, used by process ${usedBy}: end it, then reset again`;
    return [
      path,
      owner,
      isFree ? 'orphan: removed' : isOrphan ? `orphan${use}` : `kept${owner === 'unknown' ? ': remove it by hand' : ''}`,
    ];
  });
}

function testHomes(): Home[] {
  if (!existsSync(home.path)) return [];
  return readdirSync(home.path)
    .filter((name) => /^test(-\d+)?$/.test(name))
    .map((name) => homeAt(join(home.path, name)));
}
