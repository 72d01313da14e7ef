import { jest } from '@jest/globals';
import { heartbeat, stuckLoops } from './heartbeat.ts';
import { metricsPage } from './metrics.ts';

const ageOf = async (name: string, loop: string) =>
  Number(new RegExp(`^${name}\\{loop="${loop}"\\} (.*)$`, 'm').exec(await metricsPage())?.[1]);

describe('the heartbeat of a loop', () => {
  let now = 1000;
  beforeEach(() => jest.spyOn(performance, 'now').mockImplementation(() => now));
  afterEach(() => jest.restoreAllMocks());

  it('follows each attempt, even a failed one', async () => {
    const attempt = heartbeat('beats');
    now += 5000;
    expect(await ageOf('tradecore_loop_heartbeat_age_seconds', 'beats')).toBe(5);
    expect(await attempt(() => Promise.resolve('done'))).toBe('done');
    expect(await ageOf('tradecore_loop_heartbeat_age_seconds', 'beats')).toBe(0);
    now += 3000;
    await expect(attempt(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await ageOf('tradecore_loop_heartbeat_age_seconds', 'beats')).toBe(0);
  });

  it('stops during an attempt that neither ends nor fails: past its limit the process is not alive', async () => {
    const attempt = heartbeat('stands-still', 2000);
    const { promise, resolve } = Promise.withResolvers<void>();
    const hanging = attempt(() => promise);
    await heartbeat('stands-still', 2000)(() => Promise.resolve());
    now += 2000;
    expect([await ageOf('tradecore_loop_attempt_age_seconds', 'stands-still'), stuckLoops()]).toEqual([2, []]);
    now += 1;
    expect(stuckLoops()).toEqual(['stands-still']);
    resolve();
    await hanging;
    expect([await ageOf('tradecore_loop_attempt_age_seconds', 'stands-still'), stuckLoops()]).toEqual([0, []]);
  });

  it('does not count the time between attempts', async () => {
    await heartbeat('sleeps', 10)(() => Promise.resolve());
    now += 60_000;
    expect([await ageOf('tradecore_loop_heartbeat_age_seconds', 'sleeps'), stuckLoops()]).toEqual([60, []]);
  });
});
