import { say } from '@tradecore/local/runner/console.ts';
import type { Cluster } from './cluster.ts';

interface PodRead {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

/** Prints what an engineer asks first when a scene has failed: pods, events, the last words of those that are not well. */
export async function printTroubles(cluster: Cluster): Promise<void> {
  const { items: spaces } = await cluster.read<{ items: PodRead[] }>('namespaces', '--selector', 'tradecore.dev/e2e');
  for (const { metadata } of spaces) {
    const within = ['--namespace', metadata.name];
    const { out: pods } = await cluster.kubectlEnded(['get', 'pods', ...within, '--output', 'wide']);
    const { out: events } = await cluster.kubectlEnded([
      'get',
      'events',
      ...within,
      '--sort-by',
      '.lastTimestamp',
      '--no-headers',
    ]);
    if (pods !== '') say(`\n${pods}\n${events.trim().split('\n').slice(-25).join('\n')}`);
    const { items } = await cluster.read<{ items: PodRead[] }>('pods', ...within);
    for (const pod of items.filter(isUnwell)) await lastWords(cluster, pod);
  }
}

const isUnwell = ({ status: { phase, conditions, containerStatuses } }: PodRead): boolean =>
  phase === 'Failed' ||
  (phase !== 'Succeeded' && !conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) ||
  (containerStatuses?.some(({ restartCount }) => restartCount > 0) ?? false);

async function lastWords(cluster: Cluster, { metadata: { name, namespace } }: PodRead): Promise<void> {
  for (const which of [[], ['--previous']]) {
    const args = ['logs', name, '--namespace', namespace, '--all-containers', '--tail', '12', ...which];
    const { out } = await cluster.kubectlEnded(args);
    if (out !== '') say(`\n== ${namespace}/${name} ${which.join('')}\n${out.trim()}`);
  }
}
