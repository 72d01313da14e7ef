import { createTestDatabase, type TestDatabase } from './testing.ts';
import { missingMigrations, schemaVersion, storeMigrations } from './index.ts';

describe('the schema', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('tells its version and what is missing', async () => {
    expect(await schemaVersion(database.dataSource)).toBe(Math.max(...storeMigrations.map(({ number }) => number)));
    expect(await missingMigrations(database.dataSource, [...storeMigrations, { number: 999, name: 'later', sql: '' }])).toEqual([
      'later-0000000000999',
    ]);
  });
});
