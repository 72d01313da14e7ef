import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal, say } from './console.ts';
import { home, homeAt, type Home } from './home.ts';
import { livePids, stopLeftovers } from './processes.ts';
import { elsewhere } from '../servers/server-place.ts';

/** Empties the home: every event, every password, every log. What an earlier run left running is stopped before. */
export async function reset(): Promise<number> {
  const homes = [home, ...testHomes()];
  for (const each of homes) {
    const runner = livePids(each).find(({ name }) => name === 'runner');
    if (runner) throw new Refusal(`A fleet or a test run uses ${each.path} (process ${runner.pid}): stop it with Ctrl-C before.`);
  }
  for (const each of homes) {
    await stopLeftovers(each);
    rmSync(elsewhere(each), { recursive: true, force: true });
  }
  if (existsSync(home.path))
    for (const name of readdirSync(home.path)) rmSync(join(home.path, name), { recursive: true, force: true });
  say(`${home.path} is empty.`);
  return 0;
}

function testHomes(): Home[] {
  if (!existsSync(home.path)) return [];
  return readdirSync(home.path)
    .filter((name) => /^test(-\d+)?$/.test(name))
    .map((name) => homeAt(join(home.path, name)));
}
