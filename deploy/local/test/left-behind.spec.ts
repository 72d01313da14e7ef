import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { removeOrphans } from '../src/runner/reset.ts';
import { isAlive } from '../src/runner/processes.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

describe('what a fleet leaves behind', () => {
  const place = mkdtempSync(join(tmpdir(), 'left-behind-'));
  const started: ChildProcess[] = [];
  afterAll(() => {
    for (const { pid } of started) if (pid !== undefined && isAlive(pid)) process.kill(pid, 'SIGKILL');
    rmSync(place, { recursive: true });
  });
  const until = async (condition: () => boolean) => {
    const deadline = Date.now() + 10_000;
    while (!condition() && Date.now() < deadline) await wait(20);
    expect(condition()).toBe(true);
  };

  it('is listed, and removed where its home is gone, nobody uses it and it says whose it was', async () => {
    const data = join(place, 'data');
    const folder = (name: string, home?: string) => {
      mkdirSync(join(data, name, 'postgres'), { recursive: true });
      if (home !== undefined) writeFileSync(join(data, name, 'home'), `${home}\n`);
      return join(data, name);
    };
    const gone = folder('aaaaaaaaaaaa', join(place, 'deleted', '.local'));
    const used = folder('bbbbbbbbbbbb', join(place, 'deleted', '.local'));
    const lives = folder('cccccccccccc', place);
    const unknown = folder('dddddddddddd');
    const other = folder('not-ours', join(place, 'deleted'));
    const user = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { cwd: join(used, 'postgres'), stdio: 'ignore' });
    started.push(user);
    await once(user, 'spawn');
    const rows = removeOrphans(data);
    expect(rows.map(([path]) => path).sort()).toEqual([gone, used, lives, unknown]);
    const of = (path: string) => rows.find(([each]) => each === path)?.[2];
    expect([of(gone), of(lives), of(unknown)]).toEqual(['orphan: removed', 'kept', 'kept: remove it by hand']);
    if (existsSync('/proc/self')) expect(of(used)).toBe(`orphan, used by process ${user.pid}: end it, then reset again`);
    expect([gone, lives, unknown, other].map((path) => existsSync(path))).toEqual([false, true, true, true]);
    expect(removeOrphans(join(place, 'nowhere'))).toEqual([]);
  });

  it('is nothing when npm alone is interrupted: what the scripts start is npm itself, so that the signal reaches it', async () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const checkout = join(place, 'checkout');
    mkdirSync(join(checkout, 'deploy', 'local'), { recursive: true });
    writeFileSync(join(checkout, 'package.json'), JSON.stringify({ scripts: { start: scripts['start'] } }));
    writeFileSync(
      join(checkout, 'deploy', 'local', 'run.mjs'),
      `import { writeFileSync } from 'node:fs';
       process.on('SIGINT', () => { writeFileSync('stopped', ''); process.exit(); });
       writeFileSync('pid', String(process.pid));
       setTimeout(() => process.exit(), 20_000);`,
    );
    const npm = spawn('npm', ['start'], { cwd: checkout, stdio: 'ignore', detached: true });
    started.push(npm);
    await until(() => existsSync(join(checkout, 'pid')));
    process.kill(npm.pid!, 'SIGINT');
    await until(() => existsSync(join(checkout, 'stopped')));
  }, 20_000);

  it('is nothing when npm is killed: the runner stops its program', async () => {
    const pidFile = join(place, 'runner.pid');
    const script = `const { spawn } = require('node:child_process');
      const run = spawn(process.execPath, [${JSON.stringify(join(root, 'deploy/local/run.mjs'))}, '--program=deploy/local/test/fixtures/stays.mjs', ${JSON.stringify(pidFile)}],
        { env: { ...process.env, npm_lifecycle_event: 'start' } });
      setInterval(() => {}, 1000)`;
    const npm = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
    started.push(npm);
    await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'));
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(isAlive(pid)).toBe(true);
    npm.kill('SIGKILL');
    await until(() => !isAlive(pid));
  }, 20_000);
});
