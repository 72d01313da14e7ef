import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { findHelm } from './helm.ts';

/** A manifest, as far as tests read it. */
export type Json = { readonly [key: string]: Json } & readonly Json[] & string;

export const chart = join(import.meta.dirname, '../tradecore');
export const valuesFile = (name: string) => join(import.meta.dirname, `values/${name}.yaml`);
export const helm = findHelm();

export const template = (values: string, ...more: string[]) =>
  spawnSync(
    helm!,
    ['template', 'trade', chart, '--namespace', 'trading', '--kube-version', '1.34.0', '--values', valuesFile(values), ...more],
    {
      encoding: 'utf8',
    },
  );

/**
 * The manifests as Helm writes them, without what differs: generated passwords per run, blank lines before `---`
 * between Helm 3 and 4.
 */
export function rendered(values: string, ...more: string[]): string {
  const { stdout, stderr, status } = template(values, ...more);
  if (status !== 0) throw new Error(stderr);
  return stdout.replaceAll(/: "[A-Za-z0-9+/]{43}="$/gm, ': "<generated>"').replaceAll(/\n+(?=---\n|$)/g, '\n');
}

export const manifests = (values: string, ...more: string[]): Json[] =>
  parseAllDocuments(rendered(values, ...more)).map((document) => document.toJS() as Json);
export const ofKind = (kind: string, all: readonly Json[]) => all.filter((each) => each['kind'] === kind);
export const named = (name: string, all: readonly Json[]): Json => {
  const found = all.find((each) => each['metadata']!['name'] === name);
  if (!found) throw new Error(`no manifest is named ${name}`);
  return found;
};
export const podOf = (manifest: Json): Json => (manifest['kind'] === 'Pod' ? manifest : manifest['spec']!['template']!)['spec']!;
export const pods = (all: readonly Json[]) => all.filter(({ kind }) => ['Deployment', 'Job', 'Pod'].includes(kind!)).map(podOf);
export const env = (pod: Json): Map<string, Json> => new Map(pod['containers']![0]!['env']!.map((each) => [each['name']!, each]));

/** Skips, with the reason in the name, if Helm is not available. */
export const describeChart = helm ? describe : describe.skip;
