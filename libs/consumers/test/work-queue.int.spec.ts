import { jest } from '@jest/globals';
import { freshId } from '@tradecore/events';
import { poolLimits } from '@tradecore/event-sourcing';
import { createTestDatabase, CuttingProxy, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { metricsPage } from '@tradecore/telemetry';
import { ClaimLost, WorkQueue, workMigration, type WorkHandler, type WorkItem, type WorkQueueOptions } from '../src/index.ts';
import { outsideTransaction } from '../src/offsets/transaction.ts';
import { WorkRows } from '../src/work-queue/work-rows.ts';
import { DataSource } from 'typeorm';

const done: WorkHandler = () => Promise.resolve(() => Promise.resolve({ done: true }));
const migrations = [workMigration({ number: 299, service: 'broker-gateway' })];

/** A promise and the function that resolves it. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe('a work queue', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  const queues: WorkQueue[] = [];

  const queue = (handle: WorkHandler, options: Partial<WorkQueueOptions> = {}): WorkQueue => {
    const backoff = { baseMs: 5, capMs: 20 };
    const made = new WorkQueue({ dataSource, service: 'broker-gateway', handle, lookMs: 20, backoff, ...options });
    queues.push(made);
    return made;
  };
  const rows = (): Promise<Record<string, unknown>[]> => dataSource.query('select * from broker_gateway.work order by key');
  const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  beforeEach(async () => {
    database = await createTestDatabase({ migrations });
    dataSource = await database.dataSourceFor('broker-gateway');
  });

  afterEach(async () => {
    await Promise.all(queues.splice(0).map((each) => each.stop()));
    await database.drop();
  });

  it('handles what was committed, once, and nothing that was rolled back', async () => {
    const seen: string[] = [];
    const work = queue(async (item) => {
      seen.push(item.key);
      return done(item);
    });
    const [kept, lost] = [freshId(), freshId()];
    await dataSource.transaction((tx) => work.put(tx, [{ key: kept }]));
    await dataSource
      .transaction(async (tx) => {
        await work.put(tx, [{ key: lost }]);
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    work.start();
    await until(async () => (await rows()).length === 0);
    expect(seen).toEqual([kept]);
  });

  it('keeps trying while the server is silently gone, and handles its rows when it is back', async () => {
    const proxy = await CuttingProxy.before(database.url);
    const url = proxy.urlFor(database.urlFor('broker-gateway'));
    const extra = { ...poolLimits(150), query_timeout: 150, connectionTimeoutMillis: 150 };
    const through = await new DataSource({ type: 'postgres', url, installExtensions: false, extra }).initialize();
    const seen: string[] = [];
    const handle: WorkHandler = async (item) => {
      seen.push(item.key);
      return done(item);
    };
    const work = queue(handle, { dataSource: through });
    proxy.isSilent = true;
    work.start();
    const key = freshId();
    await work.put(dataSource, [{ key }]);
    await new Promise((resolve) => setTimeout(resolve, 600));
    const beat = /^tradecore_loop_heartbeat_age_seconds\{loop="broker-gateway-work"\} (.*)$/m.exec(await metricsPage())?.[1];
    expect(Number(beat)).toBeLessThan(0.4);
    proxy.isSilent = false;
    await until(() => seen.length > 0);
    expect(seen).toEqual([key]);
    await work.stop();
    await through.destroy();
    await proxy.close();
  });

  it('has at most as many rows in progress as workers, and a slow one does not hold up others', async () => {
    const { opened, open } = gate();
    const keys = Array.from({ length: 12 }, freshId);
    let [inHand, most] = [0, 0];
    const work = queue(
      async (item) => {
        most = Math.max(most, (inHand += 1));
        if (item.key === keys[0]) await opened;
        inHand -= 1;
        return done(item);
      },
      { workers: 3 },
    );
    await work.put(
      dataSource,
      keys.map((key) => ({ key })),
    );
    work.start();
    await until(async () => (await rows()).length === 1);
    expect(work.busy).toBe(1);
    open();
    await until(async () => (await rows()).length === 0);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('handles a row once more when it was requested while in progress', async () => {
    const { opened, open } = gate();
    let times = 0;
    const work = queue(async (item) => {
      times += 1;
      if (times === 1) await opened;
      return done(item);
    });
    const key = freshId();
    await work.put(dataSource, [{ key }]);
    work.start();
    await until(() => times === 1);
    await work.put(dataSource, [{ key }]);
    open();
    await until(async () => (await rows()).length === 0);
    expect(times).toBe(2);
  });

  it('lets lanes take turns, however many rows one of them has, and urgent rows go one turn ahead', async () => {
    const seen: string[] = [];
    const names = new Map<string, string>();
    const put = async (lane: string, count: number, urgent = false) => {
      const made = Array.from({ length: count }, () => ({ key: freshId(), lane, urgent }));
      for (const { key } of made) names.set(key, urgent ? `${lane}!` : lane);
      await dataSource.transaction((tx) => work.put(tx, made));
      return made.map(({ key }) => key);
    };
    const work = queue(
      async (item) => {
        seen.push(names.get(item.key) ?? '');
        if (seen.length === 10) {
          await put('b', 2);
          await put('c', 1);
          await put('a', 2, true);
        }
        return async () => (seen.length <= 60 ? { again: 'on-request', state: {} } : { done: true });
      },
      { workers: 1 },
    );
    const floods = [...(await put('a', 30)), ...(await put('a', 20))];
    work.start();
    await until(() => seen.length === 55);
    // The next row may have been claimed before.
    expect(seen.slice(10, 12)).toContain('a!');
    const [first, second] = [seen.indexOf('b'), seen.lastIndexOf('b')];
    expect([first, seen.indexOf('c'), seen.lastIndexOf('a!')].every((at) => at < 18)).toBe(true);
    expect(second).toBeGreaterThan(first + 1);
    expect(second).toBeLessThan(18);
    // Resting rows requested all at once take turns like new ones.
    seen.length = 0;
    await until(async () => (await rows()).every(({ due_at, claim }) => due_at === Infinity && claim === null));
    await work.stop();
    await work.request(floods);
    await put('d', 1);
    work.start();
    await until(() => seen.includes('d'));
    expect(seen.indexOf('d')).toBeLessThan(4);
    // So do rows that waited for their time, each put when no other row was due.
    await work.stop();
    await dataSource.query(`update broker_gateway.work set turn = 1, claim = null, due_at = now() + interval '1 hour'`);
    await work.makeAllDue();
    await put('e', 1);
    seen.length = 0;
    work.start();
    await until(() => seen.includes('e'));
    expect(seen.indexOf('e')).toBeLessThan(8);
  });

  it('starts no more rows than there is room for', async () => {
    let room = 0;
    const seen: string[] = [];
    const work = queue(
      async (item) => {
        seen.push(item.key);
        room -= 1;
        return done(item);
      },
      { room: () => room },
    );
    work.start();
    await dataSource.transaction((tx) =>
      work.putClaimed(
        tx,
        [1, 2, 3].map(() => ({ key: freshId() })),
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(seen).toEqual([]);
    room = 2;
    work.notify();
    await until(() => work.busy === 0 && seen.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(seen).toHaveLength(2);
  });

  it("gives a key to one process at a time, and to another when the first one's claim expires", async () => {
    const { opened, open } = gate();
    const seen: string[] = [];
    const first = queue(
      async () => {
        seen.push('first');
        await opened;
        return async () => ({ done: true });
      },
      { leaseMs: 300 },
    );
    const key = freshId();
    await first.put(dataSource, [{ key }]);
    first.start();
    await until(() => seen.length === 1);
    const second = queue(async (item) => {
      seen.push(item.takenOver ? 'taken over' : 'second');
      return done(item);
    });
    second.start();
    // Renewed claims outlive their lease: after three leases no other process has the row.
    await new Promise((resolve) => setTimeout(resolve, 900));
    expect(seen).toEqual(['first']);
    // Like kill -9: nothing renews.
    Reflect.get(first, 'renewing').close();
    await until(async () => (await rows()).length === 0);
    expect(seen).toEqual(['first', 'taken over']);
    open();
  });

  it('discards the result of a call whose claim has expired', async () => {
    const { opened, open } = gate();
    const work = queue(async () => {
      await opened;
      return async (tx) => {
        await tx.query(`update broker_gateway.work set state = '{"by": "late"}'`);
        return { done: true };
      };
    });
    const key = freshId();
    await work.put(dataSource, [{ key }]);
    work.start();
    await until(() => work.busy === 1);
    const other = freshId();
    await dataSource.query(`update broker_gateway.work set claim = $1, due_at = now() + interval '1 hour'`, [other]);
    open();
    await until(() => work.busy === 0);
    expect(await rows()).toMatchObject([{ key, claim: other, state: {} }]);
  });

  it('settles by the latest claim: a former holder, whose claim has expired, settles nothing with its old state', async () => {
    const rowsOf = new WorkRows('broker_gateway');
    const alone = outsideTransaction(dataSource);
    const key = freshId();
    const claim = () => rowsOf.claim(alone, { limit: 5, leaseMs: 1, inHand: [] });
    await rowsOf.put(alone, [{ key }]);
    const [first] = (await claim()).items;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const [second] = (await claim()).items;
    expect([first?.takenOver, second?.takenOver, second?.attempts]).toEqual([false, true, 2]);
    expect(second?.claim).not.toBe(first?.claim);
    const settle = (item: WorkItem, state: object) => rowsOf.settle(alone, item, { again: 'on-request', state: { ...state } });
    await expect(settle(first!, { by: 'first' })).rejects.toThrow(ClaimLost);
    await settle(second!, { by: 'second' });
    expect(await rows()).toMatchObject([{ state: { by: 'second' }, claim: null }]);
  });

  it('takes rows put as claimed once, without reading the table, and gives back those without a free worker', async () => {
    const { opened, open } = gate();
    const seen: string[] = [];
    const work = queue(
      async (item) => {
        seen.push(item.key);
        await opened;
        return done(item);
      },
      { workers: 2, lookMs: 60_000 },
    );
    work.start();
    const keys = Array.from({ length: 3 }, freshId).sort();
    const put = await dataSource.transaction((tx) =>
      work.putClaimed(
        tx,
        keys.map((key) => ({ key })),
      ),
    );
    expect(put.isAll).toBe(false);
    expect(put.claimed.map(({ key, attempts }) => [key, attempts])).toEqual(keys.slice(0, 2).map((key) => [key, 1]));
    const other = queue(done);
    other.start(); // finds only the free one
    await until(async () => (await rows()).length === 2);
    work.begin(put);
    expect(work.busy).toBe(2);
    const again = await dataSource.transaction((tx) => work.putClaimed(tx, [{ key: keys[0]! }])); // in progress: once more, later
    expect(again).toEqual({ claimed: [], isAll: false });
    open();
    await until(async () => (await rows()).length === 0);
    expect(seen.filter((key) => key === keys[1])).toHaveLength(1);
  });

  it('does not look for more where it has claimed all that was put', async () => {
    const looks = jest.spyOn(WorkRows.prototype, 'claim');
    const work = queue(done, { lookMs: 60_000 });
    work.start();
    await until(() => looks.mock.calls.length === 1);
    await looks.mock.results[0]?.value;
    for (const key of [freshId(), freshId()]) work.begin(await dataSource.transaction((tx) => work.putClaimed(tx, [{ key }])));
    await until(async () => (await rows()).length === 0);
    expect(looks).toHaveBeenCalledTimes(1);
    looks.mockRestore();
  });

  it('retries after a failure, later each time, with its state', async () => {
    const attempts: unknown[] = [];
    const work = queue(async ({ attempts: n, state }) => {
      attempts.push([n, state]);
      if (n < 4 && state['step'] === undefined) throw new Error('the outside world is unavailable');
      return async () => (state['step'] ? { done: true } : { again: 1, state: { step: 2 } });
    });
    await work.put(dataSource, [{ key: freshId() }]);
    work.start();
    await until(async () => (await rows()).length === 0);
    expect(attempts).toEqual([
      [1, {}],
      [2, {}],
      [3, {}],
      [4, {}],
      [1, { step: 2 }],
    ]);
  });

  it('leaves a row that waits for a request alone until there is one', async () => {
    let times = 0;
    const work = queue(async () => {
      times += 1;
      return async () => (times === 1 ? { again: 'on-request', state: {} } : { done: true });
    });
    const key = freshId();
    await work.put(dataSource, [{ key }]);
    work.start();
    await until(async () => (await rows())[0]?.['due_at'] === Infinity);
    expect(times).toBe(1);
    await work.request([key, freshId()]);
    await until(async () => (await rows()).length === 0);
    expect(times).toBe(2);
  });

  it('finishes the rows in progress when it is stopped, and takes nothing more', async () => {
    const { opened, open } = gate();
    const work = queue(
      async (item) => {
        await opened;
        return done(item);
      },
      { workers: 1 },
    );
    await work.put(dataSource, [{ key: freshId() }, { key: freshId() }]);
    work.start();
    await until(() => work.busy === 1);
    const stopped = work.stop();
    open();
    await stopped;
    expect(await rows()).toMatchObject([{ claim: null, attempts: 0 }]);
  });

  it('picks what is due by an index among 100,000 rows that wait', async () => {
    await dataSource.query(
      `insert into broker_gateway.work (key, due_at) select gen_random_uuid(), 'infinity' from generate_series(1, 100000)`,
    );
    await database.dataSource.query('analyze broker_gateway.work');
    const plan: { 'QUERY PLAN': string }[] = await dataSource.query(
      `explain (analyze, buffers) select key from broker_gateway.work where due_at <= statement_timestamp() and due_at < 'infinity'
        order by turn, urgent desc, due_at limit 16 for update skip locked`,
    );
    const text = plan.map((line) => line['QUERY PLAN']).join('\n');
    expect(text).toMatch(/Index Scan using work_(due|turn)/);
    expect(Number(/shared hit=(\d+)/.exec(text)?.[1] ?? Infinity)).toBeLessThan(20);
  });
});
