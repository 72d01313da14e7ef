import { spawn } from 'node:child_process';

/** How a program is run. */
export interface Running {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What it reads from its standard input. */
  readonly input?: string;
  /** Milliseconds until it is killed. */
  readonly withinMs?: number;
}

/** What a program came to; the code is null when a signal ended it. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end, whatever that is. */
export function ended(program: string, args: readonly string[], running: Running = {}): Promise<Ended> {
  const { env = process.env, cwd, input = '', withinMs = 900_000 } = running;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, ...(cwd !== undefined && { cwd }), timeout: withinMs });
    const said = { out: '', err: '' };
    child.stdout.on('data', (chunk) => (said.out += String(chunk)));
    child.stderr.on('data', (chunk) => (said.err += String(chunk)));
    child.stdin.on('error', () => undefined); // it may end before it has read all
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...said }));
  });
}

/** The output of a program that ends well; else an error with its last words. */
export async function output(program: string, args: readonly string[], running: Running = {}): Promise<string> {
  const { code, out, err } = await ended(program, args, running);
  if (code === 0) return out;
  const words = `${out}\n${err}`.trim().split('\n').slice(-25).join('\n');
  throw new Error(`${program} ${args.join(' ').slice(0, 300)} ended with ${code}:\n${words}`);
}
