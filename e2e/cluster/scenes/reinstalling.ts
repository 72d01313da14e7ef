import { setTimeout as pause } from 'node:timers/promises';
import { agreed, expectNone } from '../agreement.ts';
import type { Scene } from '../scene.ts';
import { SteadyOrders } from '../steady-orders.ts';

/** Gone and back. */
export const reinstalling: readonly Scene[] = [
  {
    name: 'reinstall',
    proves: 'uninstalled and installed again, the release finds its volumes and everything in them',
    run: async (stage) => {
      const release = await stage.installed();
      const { database } = await stage.side();
      const events = async () =>
        Number((await database.query<{ n: number }>('select count(*)::int as n from event_store')).rows[0]?.n);
      const before = await events();
      await release.uninstall();
      const left = (
        await release.kubectl('get', 'deployments,statefulsets,services,jobs,networkpolicies', '--output', 'name')
      ).trim();
      expectNone(left === '' ? [] : [`uninstalled and still there: ${left}`]);
      await release.install();
      const after = await events();
      expectNone(after < before ? [`${before} events before, ${after} after`] : []);
      const orders = await SteadyOrders.begin(await stage.side(), 5);
      await pause(10_000);
      return `${before} events found; ${await agreed(await stage.side(), orders)}`;
    },
  },
];
