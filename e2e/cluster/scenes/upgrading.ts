import { setTimeout as pause } from 'node:timers/promises';
import { agreed, expectNone, followed, seenOnce } from '../agreement.ts';
import { until } from '../cluster.ts';
import { servers } from '../release.ts';
import type { Scene } from '../scene.ts';
import { second } from '../second-build.ts';
import type { SidePod } from '../side-pod.ts';
import { SteadyOrders } from '../steady-orders.ts';

/** To the next release. */
export const upgrading: readonly Scene[] = [
  {
    name: 'upgrade',
    proves:
      'to the next release (a migration, a fold) under 10 orders/s: new columns are filled, nothing lost or twice, streams without a gap',
    run: async (stage) => {
      const release = await stage.installed();
      const ofChart = await stage.secondChart();
      const before = await stage.side();
      const orders = await SteadyOrders.begin(before, 10);
      const stream = await followed(before, orders);
      const old = await olderOrders(before);
      await pause(5000);
      const rolled = await release.rolledBy(() => release.upgrade([], ofChart));
      expectNone(rolled.filter((name) => servers.includes(name)).map((name) => `the upgrade restarted ${name}`));
      await pause(5000);
      const figures = await agreed(before, orders);
      const shown = await seenOnce(before, stream, orders.accounts[0] ?? '');
      await filled(before);
      return `${old} orders from before have the column; ${rolled.length} components rolled; ${figures}; ${shown}`;
    },
  },
];

async function olderOrders({ database }: SidePod): Promise<number> {
  const { rows } = await database.query<{ n: number }>('select count(*)::int as n from order_projector.orders');
  return rows[0]?.n ?? 0;
}

/** Each order has what the new fold says of it, those from before too. */
async function filled({ database }: SidePod): Promise<void> {
  const sql = `select count(*)::int as n, (select version from order_projector.projection) as version
    from order_projector.orders where ${second.column} is distinct from side || ' ' || symbol`;
  let said = '';
  await until('the new column to be filled', 60_000, async () => {
    const [row] = (await database.query<{ n: number; version: number }>(sql)).rows;
    said = `${row?.n} orders without it, version ${row?.version} of the fold`;
    return row?.n === 0 && row.version === second.foldVersion;
  }).catch(() => expectNone([said]));
}
