import { setTimeout as sleep } from 'node:timers/promises';
import { freshId } from '@tradecore/events';
import { createEventStore } from '@tradecore/event-sourcing';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { begin } from '../src/process/begin.ts';
import { declarations, errands, Job, migrations, names } from './errands.ts';

describe('begin_again(since)', () => {
  let database: TestDatabase;
  let test: TestKafka;
  afterEach(() => Promise.all([database.drop(), test.drop()]));

  it('finishes, however long the replay takes; one instance replays, and none after a new operator request', async () => {
    [database, test] = await Promise.all([
      createTestDatabase({ catalogue: errands, migrations }),
      createTestKafka({ declarations, partitions: 1 }),
    ]);
    const query = (sql: string) => database.dataSource.query(sql) as Promise<Record<string, unknown>[]>;
    const desk = createEventStore({ dataSource: await database.dataSourceFor('job-desk'), catalogue: errands });
    const opening = { walletId: freshId(), purseId: freshId(), amount: 1, deadlineMs: 1000 };
    await desk.saveAggregate(new Job(freshId()).open(opening));
    await query(`alter database ${new URL(database.url).pathname.slice(1)} set idle_in_transaction_session_timeout = '200ms'`);
    const dataSource = await database.dataSourceFor('errand-saga');
    const store = createEventStore({ dataSource, catalogue: errands });
    let heard = 0;
    const parts = { dataSource, store, catalogue: errands, kafka: test.kafka, schema: 'errand_saga', topics: [names.jobs] };
    const begun = (replay: () => Promise<unknown> = () => sleep(600)) =>
      begin(
        { why: 'never-built', where: '' },
        { name: 'log', topicIds: new Map() },
        {
          ...parts,
          replay: async (events) => {
            heard += events.length;
            await replay();
          },
        },
      );
    const beginAgain = () => query(`select errand_saga.begin_again(now() - interval '1 hour')`);

    await beginAgain();
    expect(await Promise.all([begun(), sleep(100).then(() => begun())])).toEqual([true, false]);
    expect([heard, await query('select log, replay_from, beginner from errand_saga.consumer')]).toEqual([
      1,
      [{ log: 'log', replay_from: null, beginner: null }],
    ]);
    await beginAgain();
    expect(await begun(beginAgain)).toBe(false);
    await expect(begun(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await begun(() => Promise.resolve())).toBe(true);
    expect(await query('select next_offset from errand_saga.offsets')).toEqual([{ next_offset: '0' }]);
    await Promise.all([desk.close(), store.close()]);
  });
});
