import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Refusal } from '@tradecore/local/runner/console.ts';
import type { Cluster } from './cluster.ts';
import { output } from './programs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The commands that make an image of a folder with a Dockerfile, and bring it to the cluster: called with NAME:TAG FOLDER, and NAME:TAG. */
export interface ImageCommands {
  readonly build: readonly string[];
  readonly load: readonly string[];
}

/** Those that the environment names, else docker and kind. */
export async function imageCommands(cluster: Cluster): Promise<ImageCommands> {
  const { E2E_BUILD_IMAGE: build, E2E_LOAD_IMAGE: load } = process.env;
  return { build: build ? [build] : ['docker', 'build', '--tag'], load: load ? [load] : await kindLoad(cluster) };
}

async function kindLoad(cluster: Cluster): Promise<string[]> {
  const context = (await cluster.kubectl(['config', 'current-context'])).trim();
  if (context.startsWith('kind-')) return ['kind', 'load', 'docker-image', '--name', context.slice('kind-'.length)];
  throw new Refusal(
    `The cluster ${context} is none of kind: E2E_LOAD_IMAGE names the command that brings an image to it, called with NAME:TAG.`,
  );
}

/** Whose version the image bears that the chart asks for when nobody names one. */
export const versionOf = (chart: string): string => {
  const [, version] = /^appVersion: ['"]?([^'"\s]+)/m.exec(readFileSync(join(chart, 'Chart.yaml'), 'utf8')) ?? [];
  if (version === undefined) throw new Error(`${chart}/Chart.yaml has no appVersion`);
  return version;
};

/** Builds the image of a copy of this tree, changed or not, and brings it to the cluster. */
export async function buildImage(commands: ImageCommands, name: string, change: (folder: string) => void): Promise<void> {
  const folder = await copyOfTree();
  try {
    change(folder);
    await bringImage(commands, name, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds the image of a folder with a Dockerfile, and brings it to the cluster. */
export async function bringImage(commands: ImageCommands, name: string, folder: string): Promise<void> {
  const [build = '', ...first] = commands.build;
  await output(build, [...first, name, folder], { withinMs: 1_800_000 });
  const [load = '', ...before] = commands.load;
  await output(load, [...before, name]);
}

/** What git knows or would add, with the Dockerfile at its root: that is where every builder looks. */
async function copyOfTree(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tradecore-image-'));
  const list = await output('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  for (const path of list.split('\0').filter((each) => each !== '' && existsSync(join(root, each)))) {
    cpSync(join(root, path), join(folder, path), { preserveTimestamps: true, recursive: true, force: true });
  }
  cpSync(join(folder, 'deploy/Dockerfile'), join(folder, 'Dockerfile'), { preserveTimestamps: true });
  return folder;
}
