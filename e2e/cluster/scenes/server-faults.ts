import { setTimeout as pause } from 'node:timers/promises';
import { seconds } from '@tradecore/local/runner/console.ts';
import { agreed, expectNone } from '../agreement.ts';
import type { Scene } from '../scene.ts';
import { SteadyOrders } from '../steady-orders.ts';

/** Servers that are away for a while, under load. */
export const serverFaults: readonly Scene[] = [
  {
    name: 'kafka-away',
    proves: "the broker's pod is away for 45 s under 20 orders/s: each is answered 201, and all are executed after it",
    run: (stage) => away(stage, { kind: 'statefulset', component: 'redpanda', ms: 45_000, perSecond: 20 }),
  },
  {
    name: 'redis-away',
    proves: 'Redis is away for 20 s under 20 orders/s: each is answered 201',
    run: (stage) => away(stage, { kind: 'deployment', component: 'redis', ms: 20_000, perSecond: 20 }),
  },
  {
    name: 'postgres-killed',
    proves: "PostgreSQL's pod is killed under 20 orders/s: nothing that was acknowledged is lost, nothing happens twice",
    run: async (stage) => {
      const release = await stage.installed();
      const side = await stage.side();
      const orders = await SteadyOrders.begin(side, 20);
      await pause(5000);
      const killed = Date.now();
      await release.kubectl('delete', 'pod', `${release.fullname}-postgres-0`, '--force', '--grace-period', '0');
      await release.settled();
      const before = orders.acknowledged.size;
      while (orders.acknowledged.size === before) await pause(200);
      const backMs = Date.now() - killed;
      await pause(5000);
      return `orders again after ${seconds(backMs)}; ${await agreed(side, orders)}`;
    },
  },
];

interface Away {
  readonly kind: 'statefulset' | 'deployment';
  readonly component: string;
  readonly ms: number;
  readonly perSecond: number;
}

async function away(stage: Parameters<Scene['run']>[0], { kind, component, ms, perSecond }: Away): Promise<string> {
  const release = await stage.installed();
  const side = await stage.side();
  const orders = await SteadyOrders.begin(side, perSecond);
  await pause(5000);
  const workload = [`${kind}/${release.fullname}-${component}`];
  await release.scale(workload, 0);
  await pause(ms);
  await release.scale(workload, 1);
  await pause(5000);
  await orders.stop();
  const least = ((ms / 1000) * perSecond * 9) / 10;
  expectNone([
    ...([...orders.answers.keys()].every((said) => said === '201') ? [] : [`answers: ${orders.said}`]),
    ...(orders.took.length >= least ? [] : [`only ${orders.took.length} orders were placed, not ${least}`]),
  ]);
  await release.settled();
  return agreed(side, orders);
}
