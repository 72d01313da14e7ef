import { expectNone } from '../agreement.ts';
import type { Release } from '../release.ts';
import type { Scene } from '../scene.ts';
import type { Stage } from '../stage.ts';

/** The components that use Redis. */
export const redisUsers = [
  'account-projector',
  'command-api',
  'feed-projector',
  'order-projector',
  'position-projector',
  'query-api',
];

/** Which pods an upgrade replaces. */
export const rolling: readonly Scene[] = [
  {
    name: 'no-op-upgrade',
    proves: 'an upgrade that changes nothing rolls nobody',
    run: (stage) => rolls(stage, [], (release) => release.upgrade()),
  },
  {
    name: 'chart-patch',
    proves: "an upgrade of the chart's version alone rolls nobody",
    run: (stage) => rolls(stage, [], (release) => release.upgrade([], stage.patchedChart())),
  },
  {
    name: 'redis-password',
    proves: 'another password of Redis rolls Redis and exactly those that use it',
    run: (stage) =>
      rolls(stage, [...redisUsers, 'redis'].sort(), async (release) => {
        await release.setSecret('redis', 'password', 'another0password0of0Redis');
        await release.upgrade();
      }),
  },
  {
    name: 'login-password',
    proves: "another password of one service's login rolls exactly that one",
    run: (stage) =>
      rolls(stage, ['order-projector'], async (release) => {
        await release.setSecret('logins', 'order-projector', 'another0password0of0a0projector');
        await release.upgrade();
      }),
  },
];

async function rolls(stage: Stage, expected: readonly string[], change: (release: Release) => Promise<void>): Promise<string> {
  const release = await stage.installed();
  const rolled = await release.rolledBy(() => change(release));
  const is = rolled.join(', ') || 'nobody';
  expectNone(rolled.join() === expected.join() ? [] : [`rolled: ${is}; expected: ${expected.join(', ') || 'nobody'}`]);
  return `rolled: ${is}`;
}
