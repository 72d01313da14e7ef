import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Refusal } from '../runner/console.ts';

/** Makes the refusal from apt's or dpkg's message: only the caller knows the alternatives. */
type Missing = (why: string) => Refusal;

/**
 * Debian's packages and their missing dependencies, unpacked once into a folder: without root or a change of the
 * system. Returns their root.
 */
export function debianPackages(folder: string, packages: readonly string[], missing: Missing): string {
  if (!existsSync(join(folder, '.complete'))) unpack(folder, packages, missing);
  return join(folder, 'root');
}

/** Library folders under such a root, for LD_LIBRARY_PATH. */
export function librariesOf(root: string): string {
  return [join(root, 'usr', 'lib'), join(root, 'lib')]
    .filter(existsSync)
    .flatMap((lib) => [lib, ...triplets(lib)])
    .join(':');
}

/** A program's file in a folder of the PATH; undefined if none has it. */
export const onPath = (name: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(':')
    .map((folder) => join(folder, name))
    .find(existsSync);

/** The command that installs packages on this system, for refusals. */
export const installLine = (packages: string): string =>
  `${process.getuid?.() === 0 ? '' : 'sudo '}apt-get install -y ${packages}`;

const triplets = (lib: string) =>
  readdirSync(lib)
    .filter((name) => name.includes('-linux-'))
    .map((name) => join(lib, name));

function unpack(target: string, wanted: readonly string[], missing: Missing): void {
  rmSync(target, { recursive: true, force: true });
  for (const folder of ['lists/partial', 'cache/archives/partial', 'debs', 'root'])
    mkdirSync(join(target, folder), { recursive: true });
  const run = ([command = '', ...args]: readonly string[], cwd = target): string => {
    const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
    if (status === 0) return stdout;
    throw missing(`\`${command} ${args.at(-1)}\`: ${(error?.message ?? stderr).trim()}`);
  };
  const own = [`Dir::State::Lists=${join(target, 'lists')}`, `Dir::Cache=${join(target, 'cache')}`, 'APT::Sandbox::User='];
  const options = own.flatMap((option) => ['-o', option]);
  run(['apt-get', ...options, '-q', 'update']);
  const plan = run(['apt-get', ...options, '--simulate', '--no-install-recommends', 'install', ...wanted]);
  const packages = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name ?? '');
  run(['apt-get', ...options, '-q', 'download', ...new Set([...wanted, ...packages])], join(target, 'debs'));
  for (const file of readdirSync(join(target, 'debs'))) run(['dpkg', '-x', join(target, 'debs', file), join(target, 'root')]);
  for (const folder of ['lists', 'cache', 'debs']) rmSync(join(target, folder), { recursive: true, force: true });
  writeFileSync(join(target, '.complete'), '');
}
