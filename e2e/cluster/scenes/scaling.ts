import { setTimeout as pause } from 'node:timers/promises';
import { agreed, expectNone, followed, seenOnce } from '../agreement.ts';
import type { Scene } from '../scene.ts';
import { SteadyOrders } from '../steady-orders.ts';

const projectors = ['account-projector', 'feed-projector', 'order-projector', 'position-projector'];

/** More of them, and fewer. */
export const scaling: readonly Scene[] = [
  {
    name: 'scale',
    proves: 'projectors from 1 to 3 and back under 10 orders/s: nothing is lost or shown twice, streams have no gap',
    run: async (stage) => {
      const release = await stage.installed();
      const side = await stage.side();
      const orders = await SteadyOrders.begin(side, 10);
      const stream = await followed(side, orders);
      const counts: number[] = [];
      for (const replicas of [3, 1]) {
        await release.scale(
          projectors.map((name) => `deployment/${release.fullname}-${name}`),
          replicas,
        );
        await release.settled();
        counts.push((await release.pods()).filter(({ component }) => projectors.includes(component)).length);
        await pause(8000);
      }
      expectNone(counts.join() === '12,4' ? [] : [`pods of projectors: ${counts.join()}`]);
      const figures = await agreed(side, orders);
      return `${figures}; ${await seenOnce(side, stream, orders.accounts[0] ?? '')}`;
    },
  },
];
