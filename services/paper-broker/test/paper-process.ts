import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A paper broker as a process of its own, on a port of its own. */
export interface PaperProcess {
  readonly url: string;
  /** SIGKILL: at whatever line it is. */
  kill(): Promise<void>;
  /** SIGTERM; the exit code. */
  stop(): Promise<number | null>;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Starts one from its sources; throws what it said when it ends before it trades. */
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
