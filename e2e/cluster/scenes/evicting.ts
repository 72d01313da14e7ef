import { setTimeout as pause } from 'node:timers/promises';
import { agreed, expectNone } from '../agreement.ts';
import { until } from '../cluster.ts';
import { servers, type PodSeen, type Release } from '../release.ts';
import type { Scene } from '../scene.ts';
import { SteadyOrders } from '../steady-orders.ts';

/** In this order, those of a line at a time; one that is not named comes at the end. */
const groups = [
  ['outbox-relay', 'order-projector', 'notifier'],
  ['command-api', 'feed-projector', 'token-issuer'],
  ['order-saga', 'account-projector', 'reconciler'],
  ['broker-gateway', 'position-projector', 'query-api'],
  ['gateway', 'paper-broker'],
];

/** A node that is emptied. */
export const evicting: readonly Scene[] = [
  {
    name: 'evict',
    proves: 'every service is evicted under 5 orders/s: nothing is lost, nothing happens twice',
    run: async (stage) => {
      const release = await stage.installed();
      const side = await stage.side();
      const orders = await SteadyOrders.begin(side, 5);
      const all = (await release.pods()).filter(({ component }) => !servers.includes(component));
      const unnamed = all.map(({ component }) => component).filter((name) => !groups.flat().includes(name));
      for (const group of [...groups, unnamed]) {
        await evict(
          release,
          all.filter(({ component }) => group.includes(component)),
        );
        await pause(2000);
      }
      const now = new Set((await release.pods()).map(({ uid }) => uid));
      expectNone(all.filter(({ uid }) => now.has(uid)).map(({ name }) => `${name} was evicted and is still there`));
      return `${all.length} pods evicted; ${await agreed(side, orders)}`;
    },
  },
];

/** As `kubectl drain` does; waits until others are ready in their place. */
async function evict(release: Release, pods: readonly PodSeen[]): Promise<void> {
  for (const { name } of pods) {
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: release.namespace } };
    const path = `/api/v1/namespaces/${release.namespace}/pods/${name}/eviction`;
    await release.cluster.kubectl(['create', '--raw', path, '--filename', '-'], JSON.stringify(eviction));
  }
  const gone = new Set(pods.map(({ uid }) => uid));
  await until('the evicted to be gone', 120_000, async () => (await release.pods()).every(({ uid }) => !gone.has(uid)));
  await release.settled();
}
