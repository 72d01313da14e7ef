import { createTestDatabase, type TestDatabase } from '../testing.ts';
import { DatabaseClient } from './database-client.ts';
import { isDatabaseAway } from './database-faults.ts';

let database: TestDatabase;
let client: DatabaseClient;
beforeAll(async () => {
  database = await createTestDatabase();
}, 60_000);
beforeEach(async () => {
  client = new DatabaseClient({ connectionString: database.url });
  await client.connect();
});
afterEach(() => client.end());
afterAll(() => database.drop());

const preparedHere = async (): Promise<unknown[]> =>
  (await client.query('select statement, from_sql from pg_prepared_statements')).rows;

describe('a statement with parameters', () => {
  it('is prepared once by a connection, whatever its parameters', async () => {
    const text = 'select $1::int + 1 as sum';
    for (const n of [1, 2, 3]) expect((await client.query(text, [n])).rows).toEqual([{ sum: n + 1 }]);
    expect(await preparedHere()).toEqual([{ statement: text, from_sql: false }]);
  });

  it('ends its session when a migration changes what it returns: the next one prepares it anew', async () => {
    await database.dataSource.query('create table public.things (id int)');
    const text = 'select * from public.things where $1::int = 1';
    const another = new DatabaseClient({ connectionString: database.url });
    await another.connect();
    await client.query(text, [1]);
    await another.query(text, [1]);
    await database.dataSource.query('alter table public.things add column name text');
    const error: unknown = await another.query(text, [1]).catch((reason: unknown) => reason);
    expect(isDatabaseAway(error)).toBe(true);
    await expect(another.query('select 1')).rejects.toThrow();
    await client.end();
    client = new DatabaseClient({ connectionString: database.url });
    await client.connect();
    expect((await client.query(text, [1])).fields.map(({ name }) => name)).toEqual(['id', 'name']);
  });

  it('is not prepared beyond a limit of texts', async () => {
    for (let n = 0; n < 250; n += 1) await client.query(`select $1::int as n${n}`, [n]);
    expect((await preparedHere()).length).toBeLessThanOrEqual(200);
    expect((await client.query('select $1::int as last', [7])).rows).toEqual([{ last: 7 }]);
  });
});
