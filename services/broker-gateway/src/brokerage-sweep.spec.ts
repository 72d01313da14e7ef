import { jest } from '@jest/globals';
import { BrokerageSweep } from './brokerage-sweep.ts';

const now = '2026-11-23T09:00:00.000Z';
const sweepMs = 30_000;

/** A brokerage without orders; it tells its time, with which a sweep begins, once `answer` is called. */
function world() {
  let answer: () => void = () => undefined;
  const begun = jest.fn(() => new Promise((resolve) => (answer = () => resolve({ now }))));
  const none = () => Promise.resolve({ orders: [], unreadable: [], executions: [], unreadableOf: [] });
  const port = { clock: begun, openOrders: none, ordersSince: none, executionsSince: none };
  const queue = { unattended: () => Promise.resolve([]), rows: { waitingForRequest: () => Promise.resolve([]) } };
  const schedule = {
    ask: () => Promise.resolve(),
    take: () => Promise.resolve({ until: now, isDaily: false }),
    done: () => Promise.resolve(),
  };
  const brokerage = { port, config: { BROKER_SWEEP: sweepMs } };
  const sweep = new BrokerageSweep(brokerage as never, queue as never, {} as never, schedule as never);
  return { sweep, begun, answer: () => answer() };
}

describe('a sweep', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  it('that is requested during another runs right after it', async () => {
    const { sweep, begun, answer } = world();
    sweep.onApplicationBootstrap();
    await pass(1);
    sweep.ask();
    await pass(1);
    expect(begun).toHaveBeenCalledTimes(1);
    answer();
    await pass(1);
    expect(begun).toHaveBeenCalledTimes(2);
    answer();
    await pass(sweepMs - 1);
    expect(begun).toHaveBeenCalledTimes(2);
    await pass(1);
    expect(begun).toHaveBeenCalledTimes(3);
    answer();
    await pass(0);
    await sweep.beforeApplicationShutdown();
  });
});
