import { versionOf } from './images.ts';
import { chart } from './release.ts';
import { restricted } from './side-pod.ts';
import type { Stage } from './stage.ts';

const namespace = 'tradecore-e2e-strangers';

/** A pod that has nothing to do with the release, in a namespace of its own. Returns the namespace, and `pod/NAME`. */
export async function strangerIn({ cluster }: Stage): Promise<readonly [namespace: string, pod: string]> {
  await cluster.makeNamespace(namespace);
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'stranger', namespace },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      securityContext: restricted.pod,
      containers: [
        {
          name: 'stranger',
          image: `tradecore:${versionOf(chart)}`,
          command: ['node', '--eval', 'setInterval(() => {}, 1e6)'],
          securityContext: restricted.container,
          resources: { requests: { cpu: '10m', memory: '48Mi' }, limits: { memory: '256Mi' } },
        },
      ],
    },
  });
  await cluster.kubectl(['--namespace', namespace, 'wait', 'pod/stranger', '--for', 'condition=Ready', '--timeout', '120s']);
  return [namespace, 'pod/stranger'];
}
