import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runCommand, type Command } from '../deploy/local/src/runner/commands.ts';
import { say } from '../deploy/local/src/runner/console.ts';
import { build } from '../deploy/local/src/runner/fleet.ts';
import { withTestServers } from '../deploy/local/src/testing/test-servers.ts';

const names = readdirSync(new URL('.', import.meta.url)).flatMap((file) => /^([a-z-]+)\.bench\.ts$/.exec(file)?.[1] ?? []);

/**
 * Runs a bench in a separate process, with servers that write to disk like those of a fleet: the environment's, else
 * our own.
 */
const benchOf =
  (name: string): Command =>
  async (args) => {
    say(`Building the packages for bench ${name} ...`);
    await build();
    return withTestServers(() => run(name, args), { durability: 'durable' });
  };

async function run(name: string, args: readonly string[]): Promise<number> {
  const file = fileURLToPath(new URL(`${name}.bench.ts`, import.meta.url));
  const flags = ['--disable-warning=ExperimentalWarning', '--enable-source-maps'];
  const child = spawn(process.execPath, [...flags, file, ...args], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

/** `npm run bench -- append`: every file here that ends in `.bench.ts` is one. */
await runCommand(Object.fromEntries(names.map((name) => [name, () => Promise.resolve(benchOf(name))])));
