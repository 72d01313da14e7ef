import { fileURLToPath } from 'node:url';
import { expectNone } from '../agreement.ts';
import { until, type Cluster } from '../cluster.ts';
import { chart } from '../release.ts';
import type { Scene } from '../scene.ts';

const values = (name: string): string => fileURLToPath(new URL(`../../../helm/test/values/${name}.yaml`, import.meta.url));
const preset = (name: string): string => `${chart}/presets/${name}.yaml`;

/** What each is installed with. */
const worlds: Readonly<Record<string, readonly string[]>> = {
  zero: [],
  dev: [preset('dev')],
  ha: [preset('ha'), values('production')],
  external: [preset('external'), values('production'), values('servers')],
  observability: [preset('observability')],
};

const namespace = 'tradecore-e2e-presets';

/** Kinds of the Prometheus Operator that the presets ask for; where the cluster lacks them, it gets their names for a while. */
const kinds = [
  { plural: 'podmonitors', kind: 'PodMonitor' },
  { plural: 'prometheusrules', kind: 'PrometheusRule' },
];

/** What an API server says to each preset. */
export const presets: readonly Scene[] = [
  {
    name: 'presets',
    proves: 'the API server takes every object of every preset (dry run), and warns of none',
    run: async ({ cluster }) => {
      await cluster.makeNamespace(namespace);
      const made = await kindsFor(cluster);
      try {
        for (const name of Object.keys(worlds))
          await cluster.helm(['install', 'trade', ...argumentsOf(name), '--dry-run=server']);
        // Pods of their own, as those of `helm test`, are refused where their account is missing.
        await cluster.kubectl(['--namespace', namespace, 'create', 'serviceaccount', 'trade-tradecore-test']);
        const counts: string[] = [];
        for (const name of Object.keys(worlds)) counts.push(`${name} ${await taken(cluster, name)}`);
        return `objects: ${counts.join(', ')}`;
      } finally {
        for (const crd of made) await cluster.kubectl(['delete', 'crd', crd]);
        await cluster.kubectl(['delete', 'namespace', namespace, '--timeout', '120s']);
      }
    },
  },
];

const argumentsOf = (name: string): string[] => [
  ...[chart, '--namespace', namespace],
  ...(worlds[name] ?? []).flatMap((file) => ['--values', file]),
];

/** What the API server takes of a preset, without a word; Pod Security warns of workloads whose pods it would refuse. */
async function taken(cluster: Cluster, name: string): Promise<number> {
  const manifests = await cluster.helm(['template', 'trade', ...argumentsOf(name)]);
  const dry = ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '--namespace', namespace, '--filename', '-'];
  const { code, out, err } = await cluster.kubectlEnded(dry, manifests);
  expectNone(code === 0 && err.trim() === '' ? [] : [`${name}: ${err.trim()}`]);
  return out.trim().split('\n').length;
}

/** Returns the names of those that it made. */
async function kindsFor(cluster: Cluster): Promise<string[]> {
  const made: string[] = [];
  for (const { plural, kind } of kinds) {
    const name = `${plural}.monitoring.coreos.com`;
    if ((await cluster.kubectlEnded(['get', 'crd', name])).code === 0) continue;
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    await cluster.apply({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name },
      spec: {
        group: 'monitoring.coreos.com',
        scope: 'Namespaced',
        names: { plural, kind, singular: kind.toLowerCase() },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    made.push(name);
    await until(
      `${name}`,
      30_000,
      async () => (await cluster.kubectlEnded(['get', plural, '--namespace', namespace])).code === 0,
    );
  }
  return made;
}
