import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { homeAt, type Home } from '../src/runner/home.ts';
import { livePids, stopLeftovers, Supervised, takeHome, type Crash, type Program } from '../src/runner/processes.ts';

let home: Home;
let crashes: Crash[];
let running: Supervised[];
beforeEach(() => {
  home = homeAt(mkdtempSync(join(tmpdir(), 'processes-')));
  [crashes, running] = [[], []];
});
afterEach(async () => {
  await Promise.all(running.map((each) => each.stop()));
  rmSync(home.path, { recursive: true });
});

/** A Node process that runs `script` and counts as ready when it has written `file`. */
function supervise(script: string, options: Partial<Program> = {}): Supervised {
  const file = join(home.path, 'ready');
  const supervised = new Supervised(
    home,
    {
      name: 'sample',
      command: process.execPath,
      args: [
        '-e',
        `${script}; require('fs').writeFileSync(${JSON.stringify(file)}, String(process.pid)); setInterval(() => {}, 1000)`,
      ],
      isReady: async () => existsSync(file),
      readyWithinMs: 20_000,
      stopSignal: 'SIGTERM',
      stopWithinMs: 10_000,
      ...options,
    },
    (crash) => crashes.push(crash),
  );
  running.push(supervised);
  return supervised;
}

const pidFile = () => join(home.run, 'sample.pid');
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a supervised process', () => {
  it('has a pid file and a log while it runs, and none of the two keeps it alive', async () => {
    const sample = supervise(`console.log('hello')`);
    await sample.start();
    expect(Number(readFileSync(pidFile(), 'utf8'))).toBe(sample.pid);
    expect(readFileSync(sample.log, 'utf8')).toBe('hello\n');
    await sample.stop();
    expect(existsSync(pidFile())).toBe(false);
    expect(crashes).toEqual([]);
  });

  it('that ends before it is ready is a refusal with its last words, and is not started again', async () => {
    const sample = supervise(`console.error('no such port'); process.exit(3)`);
    await expect(sample.start()).rejects.toThrow('no such port');
    expect(crashes).toEqual([]);
  });

  it('that crashes is started again, later each time', async () => {
    const sample = supervise('');
    await sample.start();
    for (const restartInMs of [250, 500]) {
      const pid = sample.pid ?? 0;
      process.kill(pid, 'SIGKILL');
      while (sample.pid === undefined || sample.pid === pid) await wait(10);
      expect(crashes.at(-1)).toMatchObject({ name: 'sample', how: 'signal SIGKILL', restartInMs });
    }
  });

  it('that does not end when asked is killed after its limit', async () => {
    const sample = supervise(`process.on('SIGTERM', () => {})`, { stopWithinMs: 200 });
    await sample.start();
    const pid = sample.pid ?? 0;
    await sample.stop();
    expect(isAlive(pid)).toBe(false);
  });

  it('can be stopped while it starts', async () => {
    const sample = supervise('', { isReady: async () => false });
    const starting = sample.start();
    await Promise.all([expect(starting).rejects.toThrow('stopped before'), sample.stop()]);
  });
});

describe('pid files of an earlier run', () => {
  it('lead to what it left, and only to that', async () => {
    const sample = supervise('');
    await sample.start();
    expect(livePids(home)).toEqual([{ name: 'sample', pid: sample.pid }]);
    const reused = join(home.run, 'reused.pid'); // our own parent got the pid of a process that wrote the file in 1970
    writeFileSync(reused, String(process.ppid));
    utimesSync(reused, 1, 1);
    writeFileSync(join(home.run, 'gone.pid'), '4194000');
    expect(livePids(home)).toEqual([{ name: 'sample', pid: sample.pid }]);
    expect(existsSync(reused)).toBe(false);
  });

  it('are stopped by name and pid', async () => {
    const sample = supervise('');
    await sample.start();
    const { pid } = sample;
    const stopping = sample.stop(); // so that it is not started again
    expect(await stopLeftovers(home)).toEqual(['sample']);
    await stopping;
    expect(isAlive(pid ?? 0)).toBe(false);
  });

  it('name services that are stopped in parallel: each may still be finishing its work', async () => {
    const [first, second] = ['first', 'second'].map((name) => join(home.path, name)) as [string, string];
    /** Ends only when the other one was told as well. */
    const waits = (own: string, other: string) =>
      supervise(
        `const { existsSync, writeFileSync } = require('fs');
         process.on('SIGTERM', () => {
           writeFileSync('${own}-told', '');
           setInterval(() => existsSync('${other}-told') && process.exit(), 20);
         });
         writeFileSync('${own}-ready', '')`,
        { name: basename(own), isReady: async () => existsSync(`${own}-ready`) },
      );
    await Promise.all([waits(first, second), waits(second, first)].map((each) => each.start()));
    const began = performance.now();
    expect((await stopLeftovers(home)).sort()).toEqual(['first', 'second']);
    expect(performance.now() - began).toBeLessThan(15_000); // then it kills
  });

  it('say who runs a home', () => {
    writeFileSync(join(supervise('') && home.run, 'runner.pid'), String(process.ppid));
    expect(takeHome(home)).toBe(process.ppid);
    rmSync(join(home.run, 'runner.pid'));
    expect(takeHome(home)).toBeUndefined();
  });
});
