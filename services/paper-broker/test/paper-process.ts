import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A paper broker in its own process, on its own port. */
export interface PaperProcess {
  readonly url: string;
  /** Sends SIGKILL. */
  kill(): Promise<void>;
  /** Sends SIGTERM; returns the exit code. */
  stop(): Promise<number | null>;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Starts a paper broker from its sources; throws its output if it ends before it is ready. */
export async function startProcess(env: Readonly<Record<string, string>>): Promise<PaperProcess> {
  const flags = ['--import', './typescript-hook.mjs', '--conditions=@tradecore/source'];
  const calm = { PORT: '0', ADMIN_PORT: '0', PAPER_WALK: 'off', PAPER_TICK_MS: '20' };
  const child = spawn(process.execPath, [...flags, 'services/paper-broker/src/main.ts'], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...calm, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const hear = (data: Buffer): void => {
      output += data.toString();
      const found = /"url":"(http:[^"]+)"/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    void exited.then(() => reject(new Error(`it ended: ${output.slice(-2000)}`)));
  });
  return {
    url,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
}
