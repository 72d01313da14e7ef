import { expectNone } from '../agreement.ts';
import type { Scene } from '../scene.ts';

/** From nothing to a trade. */
export const installing: readonly Scene[] = [
  {
    name: 'install',
    proves: 'zero values give a fleet that is ready, where Pod Security is restricted',
    run: async ({ release }) => {
      await release.install();
      const pods = await release.pods();
      expectNone(pods.filter(({ isReady }) => !isReady).map(({ name }) => `${name} is not ready`));
      const restarts = pods.reduce((sum, each) => sum + each.restarts, 0);
      return `${pods.length} pods ready, ${restarts} restarts`;
    },
  },
  {
    name: 'helm-test',
    proves: 'helm test trades with a token of its own issuer',
    run: async (stage) => {
      const release = await stage.installed();
      const filled = async (): Promise<number> => {
        const sql = `select count(*)::int as n from event_store where event_type = 'OrderExecuted'`;
        return (await (await stage.side()).database.query<{ n: number }>(sql)).rows[0]?.n ?? 0;
      };
      const before = await filled();
      await release.test();
      const executions = (await filled()) - before;
      expectNone(executions === 1 ? [] : [`helm test made ${executions} executions`]);
      return 'an order is placed, executed and read back';
    },
  },
];
