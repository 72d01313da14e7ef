import { createEventStore } from '../index.ts';
import { createTestDatabase, eventStoreConformance, tallyCatalogue } from '../testing.ts';

class RolledBack extends Error {}

eventStoreConformance('the PostgreSQL store', async () => {
  const database = await createTestDatabase({ catalogue: tallyCatalogue });
  const dataSources = await Promise.all([database.dataSourceFor('command-api'), database.dataSourceFor('command-api')]);
  const [first, second] = dataSources.map((dataSource) => createEventStore({ dataSource, catalogue: tallyCatalogue }));
  if (!first || !second) throw new Error('two stores');
  return {
    stores: [first, second],
    rollBack: async (work) => {
      const rolledBack = dataSources[0].transaction(async (manager) => {
        await work(first.within(manager));
        throw new RolledBack();
      });
      await rolledBack.catch((error: unknown) => {
        if (!(error instanceof RolledBack)) throw error;
      });
    },
    spoilSnapshot: async (id, { version, state }) => {
      await database.dataSource.query(
        'update snapshots set version = coalesce($2, version), state = coalesce($3::jsonb, state) where aggregate_id = $1',
        [id, version ?? null, state ? JSON.stringify(state) : null],
      );
    },
    close: async () => {
      await Promise.all([first.close(), second.close()]);
      await database.drop();
    },
  };
});
