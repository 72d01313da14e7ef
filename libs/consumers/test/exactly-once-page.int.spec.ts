import { readFileSync } from 'node:fs';
import { freshId } from '@tradecore/events';
import type { Subscription } from '@tradecore/consumers';
import { counts, Ledgers, Tallies } from './counters.ts';
import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import { errandIdFor } from './errands.ts';
import { createWorld, until, type World } from './world.ts';

const page = readFileSync(new URL('../../../docs/exactly-once.md', import.meta.url), 'utf8');

/** The checks of the page, with this test's table names in place of the fleet's. */
const checks = [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, sql = '']) =>
  sql
    .replaceAll('order_projector.orders', 'tally_projector.tallies')
    .replaceAll('order_projector', 'tally_projector')
    .replaceAll('order_id', 'counter_id')
    .replaceAll(`'Order'`, `'Counter'`)
    .replaceAll('feed_projector.feed_entries', 'ledger_projector.entries')
    .replaceAll('account_id', 'account')
    .replaceAll('OrderPlacement', 'Errand')
    .replaceAll('PlacementEnded', 'ErrandEnded')
    .replaceAll('order_saga', 'errand_saga'),
);

describe('the checks of docs/exactly-once.md', () => {
  let world: World;
  afterEach(() => world.drop(), 30_000);

  const run = async (projector: typeof Tallies | typeof Ledgers, service: string) => {
    world = await createWorld(projector, service);
    const subscription: Subscription = await world.run();
    await until(
      () => subscription.status().state,
      (state) => state === 'running',
    );
    await world.happen(...counts(freshId(), 1, 3), ...counts(freshId(), 1, 2));
    await world.caughtUp();
    await subscription.stop();
  };
  const found = (n: number) => world.database.dataSource.query(checks[n] ?? '') as Promise<Record<string, unknown>[]>;
  const damage = (sql: string) => world.database.dataSource.query(sql);

  it('find nothing in an intact model, and each fault in a damaged one', async () => {
    expect(checks).toHaveLength(6);
    await run(Tallies, 'tally-projector');
    expect([await found(0), await found(1)]).toEqual([[], []]);
    const [before] = await found(3);
    expect(before).toMatchObject({ orders: '2' });
    await damage(`update tally_projector.tallies set total = total + 1 where total = 3`);
    expect((await found(3))[0]?.['rows']).not.toBe(before?.['rows']);
    await damage(`update tally_projector.checkpoints set version = 1 where version = 2`);
    expect([await found(0), await found(1)]).toMatchObject([[{ stored: 2, held: 1 }], [{ version: 1 }]]);
    await damage(`delete from tally_projector.checkpoints where version = 1`);
    await damage(
      `insert into tally_projector.checkpoints (aggregate_id, version, event_id) values (gen_random_uuid(), 1, gen_random_uuid())`,
    );
    expect([await found(0), await found(1)]).toMatchObject([[{ held: expect.anything() }, { held: null }], [{ version: 1 }]]);
  }, 30_000);

  it('find a gap and a duplicate in a feed', async () => {
    await run(Ledgers, 'ledger-projector');
    expect(await found(2)).toEqual([]);
    await damage(`delete from ledger_projector.entries where sequence = 2`);
    expect(await found(2)).toMatchObject([{ account: 'acme', entries: '4', last: '5' }]);
  }, 30_000);
});

describe('the saga checks of docs/exactly-once.md', () => {
  let world: ErrandWorld;
  afterEach(() => world.drop(), 30_000);

  it('find nothing where all is well, an input handled twice, and an unknown saga', async () => {
    world = await createErrandWorld();
    await Promise.all([world.runErrands(), world.runPurses()]);
    const found = (n: number) => world.query(checks[n] ?? '');
    const jobs = [await world.open(), await world.open()];
    await world.ended(...jobs);
    const open = await world.open({ amount: 0 }); // never paid
    await until(
      () => world.typesOf(errandIdFor(open)),
      (types) => types.length === 1,
    );
    expect([await found(4), await found(5)]).toEqual([[], []]);

    await world.query(`insert into errand_saga.open_sagas values (gen_random_uuid(), '{}', null, '{}', '{}')`);
    expect(await found(5)).toHaveLength(1);
    await world.query(
      `insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", causation_id,
         metadata, schema_version, position, hash)
       select gen_random_uuid(), aggregate_id, aggregate_type, aggregate_version + 5, event_type, event_data, now() + interval '1 s', causation_id, '{}', 1,
              nextval('event_position'), ''
         from event_store where event_type = 'ErrandEnded' limit 1`,
    );
    expect(await found(4)).toMatchObject([{ times: '2' }]);
  }, 60_000);
});
