import { freshId } from '@tradecore/events';
import { createEventStore, type PostgresEventStore } from './index.ts';
import { createTestDatabase, Tally, tallyCatalogue, type TestDatabase } from './testing.ts';

describe('the PostgreSQL event store', () => {
  let database: TestDatabase;
  let store: PostgresEventStore;
  beforeAll(async () => {
    database = await createTestDatabase({ catalogue: tallyCatalogue });
    store = createEventStore({ dataSource: await database.dataSourceFor('command-api'), catalogue: tallyCatalogue });
  });
  afterAll(async () => {
    await store.close();
    await database.drop();
  });

  it('loads what it saved', async () => {
    const tally = new Tally(freshId()).open('me').raise(2).raise(3);
    const saved = await store.saveAggregate(tally);
    expect(saved.outcome).toBe('stored');
    expect(await store.readEvents(tally.id)).toEqual(saved.events);
    expect(await store.loadAggregate(Tally, tally.id)).toMatchObject({ total: 5, version: 3 });
    for await (const batch of store.readAll()) expect(batch).toHaveLength(3);
  });
});
