import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** In the child: says that all modules are loaded, and waits until the test lets it begin. */
export async function letBegin(): Promise<void> {
  process.send?.('loaded');
  await once(process, 'message');
  process.disconnect();
}

/**
 * A file of this folder as a process that is killed. It loads its modules at once and begins later: that is most of its
 * start, and can overlap with the process before it.
 */
export class Child {
  readonly #child: ChildProcess;
  readonly #loaded: Promise<unknown>;
  readonly #ended: Promise<[number | null, string | null]>;

  constructor(file: string, env: Readonly<Record<string, string>>) {
    const flags = ['--import', here('../../../typescript-hook.mjs'), '--conditions', '@tradecore/source'];
    this.#child = spawn(process.execPath, [...flags, here(file)], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#loaded = once(this.#child, 'message');
    this.#ended = once(this.#child, 'exit') as Promise<[number | null, string | null]>;
  }

  /** Lets it begin; resolves with the signal that ended it: SIGTERM if it never reached its failpoint. */
  async runUntilKilled(): Promise<string> {
    await Promise.race([this.#loaded, this.#ended]);
    if (this.#child.connected) this.#child.send('begin');
    const lost = setTimeout(() => this.#child.kill(), 40_000);
    const [code, signal] = await this.#ended;
    clearTimeout(lost);
    return signal ?? `exit ${code}`;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Runs one child for each failpoint, in turn; the next one loads meanwhile. Resolves with what ended each. */
export async function killedAt(points: readonly string[], start: (point: string) => Child): Promise<[string, string][]> {
  const ends: [string, string][] = [];
  let next: Child | undefined;
  try {
    for (const [index, point] of points.entries()) {
      const child = next ?? start(point);
      const following = points[index + 1];
      next = following === undefined ? undefined : start(following);
      ends.push([point, await child.runUntilKilled()]);
    }
  } finally {
    next?.kill();
  }
  return ends;
}
