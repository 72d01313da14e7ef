import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { readable, Refusal } from './console.ts';
import { root, type Home } from './home.ts';

/** The operating system's account that a process runs under; absent: the current one. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** A process to run: program, account, readiness check, and how to stop it. */
export interface Program {
  /** Name of its pid file and its log. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly account?: Account | undefined;
  /** True once it is ready. */
  readonly isReady: () => Promise<boolean>;
  /** Time limit for becoming ready. */
  readonly readyWithinMs: number;
  /** The signal for a graceful stop; SIGKILL follows after `stopWithinMs`. */
  readonly stopSignal: NodeJS.Signals;
  readonly stopWithinMs: number;
}

/** A process that ended unexpectedly. */
export interface Crash {
  readonly name: string;
  /** `exit code 1`, `signal SIGKILL`. */
  readonly how: string;
  readonly restartInMs: number;
  /** Path of its log. */
  readonly log: string;
}

const largestLog = 10 * 1024 * 1024;
const backOff = { first: 250, last: 30_000, calmAfter: 60_000 };

/** Keeps one program running: starts it, restarts it with back-off when it crashes, and stops it in order. */
export class Supervised {
  readonly program: Program;
  readonly log: string;
  readonly #pidFile: string;
  readonly #onCrash: (crash: Crash) => void;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isWanted = false;
  #wasReady = false;
  #startedAt = 0;
  #delay = backOff.first;
  #restart: NodeJS.Timeout | undefined;

  constructor(home: Home, program: Program, onCrash: (crash: Crash) => void) {
    mkdirSync(home.run, { recursive: true });
    this.program = program;
    this.log = join(home.run, `${program.name}.log`);
    this.#pidFile = join(home.run, `${program.name}.pid`);
    this.#onCrash = onCrash;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Starts it and waits until it is ready; only after that is it restarted if it crashes. One that ends earlier is a
   * refusal with the end of its log.
   */
  async start(): Promise<void> {
    this.#isWanted = true;
    this.#launch();
    const deadline = Date.now() + this.program.readyWithinMs;
    while (!(await this.program.isReady().catch(() => false))) {
      if (!this.#isWanted) throw new Refusal(`${this.program.name} was stopped before it was ready.`);
      if (!this.#child)
        throw new Refusal(`${this.program.name} ended while it started. The end of ${this.log}:\n\n${this.#lastWords()}`);
      if (Date.now() > deadline) {
        const limit = this.program.readyWithinMs / 1000;
        throw new Refusal(
          `${this.program.name} was not ready within ${limit} s. The end of ${this.log}:\n\n${this.#lastWords()}`,
        );
      }
      await wait(40);
    }
    this.#wasReady = true;
  }

  /** Stops it, kills it after its limit, and returns when it has ended. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (!child) return;
    child.kill(this.program.stopSignal);
    const insist = setTimeout(() => killGroup(child.pid), this.program.stopWithinMs);
    await this.#ended;
    clearTimeout(insist);
  }

  /** Kills it at once. */
  kill(): void {
    this.#isWanted = false;
    clearTimeout(this.#restart);
    killGroup(this.#child?.pid);
  }

  #launch(): void {
    const { command, args, env, cwd, account } = this.program;
    if (existsSync(this.log) && statSync(this.log).size > largestLog) renameSync(this.log, `${this.log}.1`);
    const log = openSync(this.log, 'a');
    // Its own session: Ctrl-C in the terminal reaches only the runner, which stops everything in order.
    const child = spawn(command, args, {
      stdio: ['ignore', log, log],
      detached: true,
      ...(cwd && { cwd }),
      ...account,
      env: env ?? {},
    });
    closeSync(log);
    this.#child = child;
    this.#startedAt = Date.now();
    this.#ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.#child = undefined;
        rmSync(this.#pidFile, { force: true });
        resolve();
        this.#afterEnd(how);
      };
      child.once('error', (error) => end(error.message));
      child.once('exit', (code, signal) => end(signal ? `signal ${signal}` : `exit code ${code}`));
    });
    if (child.pid !== undefined) writeFileSync(this.#pidFile, `${child.pid}\n`);
  }

  #afterEnd(how: string): void {
    if (!this.#isWanted || !this.#wasReady) return;
    if (Date.now() - this.#startedAt > backOff.calmAfter) this.#delay = backOff.first;
    this.#onCrash({ name: this.program.name, how, restartInMs: this.#delay, log: this.log });
    this.#restart = setTimeout(() => this.#launch(), this.#delay);
    this.#delay = Math.min(this.#delay * 2, backOff.last);
  }

  #lastWords(): string {
    return readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-15).map(readable).join('\n');
  }
}

/** Runs a program to its end, in the repository. Returns its exit code (null if it could not run) and its output. */
export function finish(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    child.on('error', ({ message }) => resolve({ code: null, output: message }));
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString() }));
  });
}

/** Servers in the order in which they stop: each after those that use it. */
const servers = ['grafana', 'prometheus', 'redis', 'kafka', 'postgres'];

/** Ends processes left behind by a killed run: services, all at once, before servers. Returns their names. */
export async function stopLeftovers(home: Home): Promise<string[]> {
  const left = livePids(home).filter(({ name }) => name !== 'runner');
  const services = left.filter(({ name }) => !servers.includes(name));
  await Promise.all(services.map(stopLeftover));
  const rest = servers.flatMap((server) => left.filter(({ name }) => name === server));
  for (const each of rest) await stopLeftover(each);
  return [...services, ...rest].map(({ name }) => name);
}

async function stopLeftover({ name, pid }: { readonly name: string; readonly pid: number }): Promise<void> {
  process.kill(pid, name === 'postgres' ? 'SIGINT' : 'SIGTERM');
  if (await endsWithin(pid, 15_000)) return;
  killGroup(pid);
  await endsWithin(pid, 5_000);
}

async function endsWithin(pid: number, ms: number): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (isAlive(pid) && Date.now() < deadline) await wait(50);
  return !isAlive(pid);
}

/** The running processes of a home; pid files of ended processes are removed. */
export function livePids(home: Home): { name: string; pid: number }[] {
  if (!existsSync(home.run)) return [];
  return readdirSync(home.run)
    .filter((file) => file.endsWith('.pid'))
    .flatMap((file) => {
      const path = join(home.run, file);
      const pid = Number(readFileSync(path, 'utf8'));
      if (pid !== process.pid && isAlive(pid) && wrote(pid, path)) return [{ name: file.slice(0, -'.pid'.length), pid }];
      if (pid !== process.pid) rmSync(path, { force: true });
      return [];
    });
}

/** Pids are reused: the process is the file's only if it began before the file was written. */
function wrote(pid: number, pidFile: string): boolean {
  const began = beganAt(pid);
  return began === undefined || began < statSync(pidFile).mtimeMs + 2000;
}

/** Marks this process as the home's runner until it ends. Returns the pid of another runner, if there is one. */
export function takeHome(home: Home): number | undefined {
  const holder = livePids(home).find(({ name }) => name === 'runner');
  if (holder) return holder.pid;
  mkdirSync(home.run, { recursive: true });
  const file = join(home.run, 'runner.pid');
  writeFileSync(file, `${process.pid}\n`);
  process.once('exit', () => rmSync(file, { force: true }));
  return undefined;
}

/** When a process began, in ms since 1970; undefined except on Linux. */
export function beganAt(pid: number): number | undefined {
  try {
    const boot = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]);
    const ticks = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19]);
    return boot * 1000 + ticks * 10;
  } catch {
    return undefined;
  }
}

/** True while a process with this id runs, under any account. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has already ended.
  }
}
