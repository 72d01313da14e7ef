import { freshId } from '@tradecore/events';
import { metricsPage } from '@tradecore/telemetry';
import type { DataSource } from 'typeorm';
import { createEventStore, type PostgresEventStore } from '../index.ts';
import { partOf } from '../test/parts.ts';
import { createTestDatabase, KeptTally, tallyCatalogue, type TestDatabase } from '../testing.ts';

describe('snapshots in PostgreSQL', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let store: PostgresEventStore;
  beforeAll(async () => {
    database = await createTestDatabase({ catalogue: tallyCatalogue, services: ['order-projector'] });
    dataSource = await database.dataSourceFor('command-api');
    store = createEventStore({ dataSource, catalogue: tallyCatalogue });
  });
  afterAll(() => database.drop());

  async function tally(events: number): Promise<KeptTally> {
    const made = new KeptTally(freshId()).open('me');
    for (let version = 2; version <= events; version += 1) made.raise(1);
    await store.saveAggregate(made);
    return made;
  }
  const kept = (id: string) => store.loadAggregate(KeptTally, id);
  const stored = async (id: string): Promise<unknown> =>
    database.dataSource.query('select shape, version, state from snapshots where aggregate_id = $1', [id]);
  const counted = async (outcome: string): Promise<number> => {
    const found = new RegExp(`^tradecore_event_store_snapshots_total\\{outcome="${outcome}"\\} (.*)$`, 'm').exec(
      await metricsPage(),
    );
    return Number(found?.[1] ?? -1);
  };
  const save = (source: DataSource, id: string, version: number, total: number) =>
    source.query('select save_snapshots($1::uuid[], $2::int[], $3::int[], $4::jsonb)', [
      [id],
      [1],
      [version],
      JSON.stringify([{ owner: 'me', total }]),
    ]);

  it('disappear with a rolled-back transaction', async () => {
    const { id } = await tally(5);
    const rolledBack = dataSource.transaction(async (manager) => {
      const within = store.within(manager);
      const mine = await within.loadAggregate(KeptTally, id);
      for (let each = 0; each < 20; each += 1) mine.raise(1);
      await within.saveAggregate(mine);
      expect((await within.loadAggregate(KeptTally, id)).restoredAt).toBe(25);
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    expect(await stored(id)).toEqual([]);
    expect(await kept(id)).toMatchObject({ version: 5, total: 4 });
  });

  it('are the start for many aggregates loaded and locked at once, and are written with the batch', async () => {
    const [one, two, none] = [(await tally(12)).id, (await tally(3)).id, freshId()];
    await dataSource.transaction(async (manager) => {
      const within = store.within(manager);
      const { aggregates } = await within.loadLocked([one, two, none].map((id) => ({ type: KeptTally, id })));
      const [first, second, third] = [one, two, none].map((id) => {
        const found = aggregates.get(id);
        if (!found || found instanceof Error) throw new Error('not loaded');
        return found.aggregate as KeptTally;
      }) as [KeptTally, KeptTally, KeptTally];
      expect(first).toMatchObject({ version: 12, total: 11, restoredAt: 12 });
      expect(second).toMatchObject({ version: 3, total: 2 });
      expect(third.version).toBe(0);
      for (let each = 0; each < 8; each += 1) second.raise(1);
      await within.saveBatch([partOf(tallyCatalogue, first.raise(1)), partOf(tallyCatalogue, second)]);
      await within.keepSnapshots([first, second]);
      expect(await manager.query('select version from snapshots where aggregate_id = $1', [two])).toEqual([]); // uncommitted
      for (const each of [first, second]) each.markCommitted();
      await within.keepSnapshots([first, second]);
    });
    expect(await stored(one)).toMatchObject([{ version: 12 }]);
    expect(await stored(two)).toEqual([{ shape: 1, version: 11, state: { owner: 'me', total: 10 } }]);
  });

  it('that are invalid are not used by a batch', async () => {
    const { id } = await tally(12);
    await database.dataSource.query(`update snapshots set state = '{"owner":"me","total":1000000}' where aggregate_id = $1`, [
      id,
    ]);
    const before = await counted('disbelieved');
    await dataSource.transaction(async (manager) => {
      const found = (await store.within(manager).loadLocked([{ type: KeptTally, id }])).aggregates.get(id);
      expect(found).toMatchObject({ aggregate: { version: 12, total: 11 } });
    });
    expect(await counted('disbelieved')).toBe(before + 1);
  });

  it('are written only by a writer of the type, and only for existing events', async () => {
    const { id } = await tally(5);
    const foreign = await database.dataSourceFor('order-projector');
    await expect(save(foreign, id, 5, 1)).rejects.toThrow('has no event here');
    await expect(save(dataSource, id, 6, 1)).rejects.toThrow('has no event here');
    await expect(save(dataSource, freshId(), 1, 1)).rejects.toThrow('has no event here');
    for (const login of [foreign, dataSource]) {
      await expect(login.query('insert into snapshots values ($1, 1, 1, $2, $3)', [id, '{}', ''])).rejects.toThrow(
        'permission denied',
      );
      await expect(login.query('update snapshots set version = 1')).rejects.toThrow('permission denied');
      await expect(login.query('delete from snapshots')).rejects.toThrow('permission denied');
    }
    expect(await stored(id)).toEqual([]);
    await save(dataSource, id, 5, 4);
    expect(await kept(id)).toMatchObject({ version: 5, restoredAt: 5 });
  });

  it('serve every service, whichever writer of the type wrote them', async () => {
    const { id } = await tally(9);
    const saga = createEventStore({ dataSource: await database.dataSourceFor('order-saga'), catalogue: tallyCatalogue });
    const theirs = await saga.loadAggregate(KeptTally, id);
    await saga.saveAggregate(theirs.raise(1));
    expect(await kept(id)).toMatchObject({ version: 10, total: 9, restoredAt: 10 });
    await saga.close();
  });

  it('are not replaced by an older one', async () => {
    const { id } = await tally(12);
    await save(dataSource, id, 11, 10);
    expect(await stored(id)).toMatchObject([{ version: 12 }]);
  });

  it("that can't be written are counted, and the save stays valid", async () => {
    const { id } = await tally(5);
    await database.dataSource.query('alter function save_snapshots rename to gone');
    try {
      const before = await counted('failed');
      const mine = await kept(id);
      for (let each = 0; each < 10; each += 1) mine.raise(1);
      expect((await store.saveAggregate(mine)).outcome).toBe('stored');
      expect(await counted('failed')).toBe(before + 1);
    } finally {
      await database.dataSource.query('alter function gone rename to save_snapshots');
    }
    expect(await kept(id)).toMatchObject({ version: 15, total: 14 });
  });

  it('may all be deleted', async () => {
    const { id } = await tally(30);
    await database.dataSource.query('delete from snapshots');
    const loaded = await kept(id);
    expect(loaded).toMatchObject({ version: 30, total: 29 });
    await store.saveAggregate(loaded.raise(1));
    expect(await stored(id)).toMatchObject([{ version: 31 }]);
  });
});
