import { setTimeout as pause } from 'node:timers/promises';
import { agreed, expectNone, followed, seenOnce } from '../agreement.ts';
import { until } from '../cluster.ts';
import { servers } from '../release.ts';
import type { Scene } from '../scene.ts';
import { second } from '../second-build.ts';
import type { SidePod } from '../side-pod.ts';
import { SteadyOrders } from '../steady-orders.ts';

/** To the next release and back. */
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
  {
    name: 'rollback',
    proves: 'back to the release before under 10 orders/s: its projector waits for a word, then builds; nothing is lost or twice',
    run: async (stage) => {
      const release = await stage.installed();
      if (!(await release.image()).endsWith(second.version)) await release.upgrade([], await stage.secondChart());
      const side = await stage.side();
      const orders = await SteadyOrders.begin(side, 10);
      await pause(3000);
      await release.rollback();
      await pause(3000);
      expectNone((await foldOf(side)) === second.foldVersion ? [] : ['the older fold was built without a word of an operator']);
      const why = ['--why', 'rolled back', '--yes=order-projector'];
      const { code, out, err } = await side.tradecore('projections', 'rebuild', 'order-projector', ...why);
      expectNone(code === 0 ? [] : [`tradecore projections rebuild ended with ${code}: ${out}${err}`]);
      expectNone((await foldOf(side)) < second.foldVersion ? [] : ['the rows are still those of the newer fold']);
      return agreed(side, orders);
    },
  },
];

/** The version of the fold whose rows are shown. */
async function foldOf({ database }: SidePod): Promise<number> {
  const { rows } = await database.query<{ version: number }>('select version from order_projector.projection');
  return rows[0]?.version ?? 0;
}

async function olderOrders({ database }: SidePod): Promise<number> {
  const { rows } = await database.query<{ n: number }>('select count(*)::int as n from order_projector.orders');
  return rows[0]?.n ?? 0;
}

/** Each order has what the new fold says of it, those from before too. */
async function filled(side: SidePod): Promise<void> {
  const sql = `select count(*)::int as n from order_projector.orders
    where ${second.column} is distinct from side || ' ' || symbol`;
  let said = '';
  await until('the new column to be filled', 60_000, async () => {
    const [row] = (await side.database.query<{ n: number }>(sql)).rows;
    const version = await foldOf(side);
    said = `${row?.n} orders without it, version ${version} of the fold`;
    return row?.n === 0 && version === second.foldVersion;
  }).catch(() => expectNone([said]));
}
