import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { findHelm, howToInstall } from './helm.ts';

/** A manifest, as far as tests read it. */
export type Json = { readonly [key: string]: Json } & readonly Json[] & string;

export const chart = join(import.meta.dirname, '../tradecore');
const preset = (name: string) => join(chart, `presets/${name}.yaml`);
const values = (name: string) => join(import.meta.dirname, `values/${name}.yaml`);

/** What the chart is rendered with in tests: nothing, a preset with what it asks for, or every value. */
export const worlds = {
  zero: [],
  dev: [preset('dev')],
  ha: [preset('ha'), values('production')],
  external: [preset('external'), values('production'), values('servers')],
  observability: [preset('observability')],
  kafka: [values('kafka')],
  full: [values('full')],
} as const satisfies Record<string, readonly string[]>;

/** The name of one of them. */
export type World = keyof typeof worlds;

/** A world as arguments of Helm. */
export const argumentsOf = (world: World): string[] => [
  ...worlds[world].flatMap((file) => ['--values', file]),
  ...(world === 'full' ? ['--api-versions', 'keda.sh/v1alpha1'] : []),
];

export const helm = findHelm();

export const template = (world: World, ...more: string[]) =>
  spawnSync(
    helm!,
    ['template', 'trade', chart, '--namespace', 'trading', '--kube-version', '1.34.0', ...argumentsOf(world), ...more],
    { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );

/**
 * The manifests as Helm writes them, without what differs: what is drawn in each render and what hashes it, blank lines
 * before `---` between Helm 3 and 4.
 */
export function rendered(world: World, ...more: string[]): string {
  const { stdout, stderr, status } = template(world, ...more);
  if (status !== 0) throw new Error(stderr);
  return stdout.replaceAll(/\n+(?=---\n|$)/g, '\n');
}

/** One render takes half a second of CPU. */
const known = new Map<string, Json[]>();

/** The same, fit to be compared with another render. */
export const golden = (world: World): string =>
  rendered(world)
    .replaceAll(/: "[A-Za-z0-9+/]{43}="$/gm, ': "<drawn>"')
    .replaceAll(/: "LS0t[A-Za-z0-9+/=]+"$/gm, ': "<drawn>"')
    .replaceAll(/(checksum\/[a-z]+): [0-9a-f]{64}$/gm, '$1: <hash>')
    .replaceAll(/-migrate-[0-9a-f]{8}$/gm, '-migrate-<hash>')
    .replaceAll(/^( {2}[a-z-]+\.json:) \|-\n(?: {4}.*\n)+/gm, '$1 <board>\n');

const parsed = (text: string): Json[] => parseAllDocuments(text).map((document) => document.toJS() as Json);

export function manifests(world: World, ...more: string[]): Json[] {
  const asked = [world, ...more].join('\n');
  const all = known.get(asked) ?? parsed(rendered(world, ...more));
  known.set(asked, all);
  return all;
}
export const ofKind = (kind: string, all: readonly Json[]) => all.filter((each) => each['kind'] === kind);
export const named = (name: string, all: readonly Json[]): Json => {
  const found = all.find((each) => each['metadata']!['name'] === name);
  if (!found) throw new Error(`no manifest is named ${name}`);
  return found;
};
export const componentOf = (manifest: Json): string => manifest['metadata']!['labels']!['app.kubernetes.io/component']!;
/** Not services of the fleet: servers, and what operators run beside it. */
export const isService = (manifest: Json): boolean => !['redis', 'console', 'operate', 'backup'].includes(componentOf(manifest));
/** The template of its pods; of a pod itself. */
export const templateOf = (manifest: Json): Json => {
  if (manifest['kind'] === 'Pod') return manifest;
  return (manifest['kind'] === 'CronJob' ? manifest['spec']!['jobTemplate']! : manifest)['spec']!['template']!;
};
export const podOf = (manifest: Json): Json => templateOf(manifest)['spec']!;
const withPods = ['Deployment', 'StatefulSet', 'Job', 'CronJob', 'Pod'];
export const workloads = (all: readonly Json[]) => all.filter(({ kind }) => withPods.includes(kind!));
export const env = (pod: Json): Map<string, Json> => new Map(pod['containers']![0]!['env']!.map((each) => [each['name']!, each]));

/** Skips, with the reason in the name, if Helm is not available. */
export const describeChart = (name: string, tests: () => void): void =>
  helm ? describe(name, tests) : describe.skip(`${name} (${howToInstall})`, tests);
