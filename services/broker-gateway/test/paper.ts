import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Waits until the condition is true. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Runs a TypeScript file in its own process. */
export function startProcess(file: string, env: Readonly<Record<string, string>>): { child: ChildProcess; output: () => string } {
  const args = ['--import', here('../../../typescript-hook.mjs'), '--conditions', '@tradecore/source', '--no-warnings', file];
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // A process that a failed test leaves behind must not block the exit.
  child.unref();
  process.once('exit', () => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr] as Socket[])
    stream.unref().on('data', (text: Buffer) => (output += text.toString()));
  return { child, output: () => output };
}

/** An order as the paper broker shows it. */
export interface PaperOrder {
  readonly id: string;
  readonly client_order_id: string;
  readonly status: string;
  readonly qty: string;
  readonly filled_qty: string;
}

/** The paper broker in its own process: prices do not move and orders fill completely. */
export class Paper {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(env: Readonly<Record<string, string>> = {}): Promise<Paper> {
    const calm = { PAPER_WALK: 'off', PAPER_PARTIAL_FILLS: '0', PAPER_TICK_MS: '20', PORT: '0', ADMIN_PORT: '0' };
    const { child, output } = startProcess(here('../../paper-broker/src/main.ts'), { ...calm, ...env });
    const url = () => /"url":"(http:[^"]+)"/.exec(output())?.[1];
    await until('the paper broker trades', () => {
      if (child.exitCode !== null) throw new Error(`the paper broker ended: ${output()}`);
      return url() !== undefined;
    });
    return new Paper(child, url() as string);
  }

  /** A request with the first account's keys. */
  async call<T = unknown>(method: string, path: string, body?: object): Promise<{ status: number; body: T }> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        'APCA-API-KEY-ID': 'paper',
        'APCA-API-SECRET-KEY': 'paper-secret',
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as T };
  }

  /** Scripts a fault. */
  async fault(fault: object): Promise<void> {
    const { status, body } = await this.call('POST', '/faults', fault);
    if (status !== 201) throw new Error(`the fault was refused: ${JSON.stringify(body)}`);
  }

  /** Sets a price. */
  async price(symbol: string, price: string): Promise<void> {
    const { status } = await this.call('POST', '/prices', { symbol, price });
    if (status !== 200) throw new Error(`the price was refused: ${status}`);
  }

  /** Every order, including replaced ones. */
  async orders(): Promise<PaperOrder[]> {
    return (await this.call<PaperOrder[]>('GET', '/v2/orders?status=all&limit=500&direction=asc')).body;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    await once(this.child, 'exit');
  }
}
