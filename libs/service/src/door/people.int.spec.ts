import { StoreIdentity } from '@tradecore/event-sourcing';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { People } from './people.ts';

let database: TestDatabase;
beforeAll(async () => (database = await createTestDatabase({ services: ['query-api', 'order-saga'] })));
afterAll(() => database.drop());

/** A process of its own: it has met no subject, and counts what it asks. */
async function openPeople() {
  const db = await database.dataSourceFor('command-api');
  const asked: string[] = [];
  const query = (sql: string, parameters?: unknown[]) => (asked.push(sql), db.query(sql, parameters));
  return { people: new People({ query: query as typeof db.query }, new StoreIdentity(db)), asked };
}

describe('a subject', () => {
  it('is one person, whoever meets it first, and is asked for once', async () => {
    const [one, other] = [await openPeople(), await openPeople()];
    const found = await Promise.all([1, 2, 3, 4].flatMap(() => [one, other].map(({ people }) => people.personOf('idp|1'))));
    expect(new Set(found).size).toBe(1);
    const before = one.asked.length;
    expect(await one.people.personOf('idp|1')).toBe(found[0]);
    expect(one.asked).toHaveLength(before);
    expect(await one.people.personOf('idp|2')).not.toBe(found[0]);
  });

  it('has the name that its token last told, and asks again only for another', async () => {
    const { people, asked } = await openPeople();
    const nameOf = async (name?: string) => {
      const person = await people.personOf('idp|named', name);
      return (
        await database.dataSource.query<{ name: string | null }[]>('select name from people where person = $1', [person])
      )[0]?.name;
    };
    expect([await nameOf(), await nameOf('Ada'), await nameOf('Ada'), await nameOf(), await nameOf('Ada L.')]).toEqual([
      ...[null, 'Ada', 'Ada', 'Ada', 'Ada L.'],
    ]);
    expect(asked).toHaveLength(3);
  });

  it('is not made while the store is closed: its person may be about to be known again', async () => {
    const { people } = await openPeople();
    await database.dataSource.query(`update store_identity set closed_at = now(), closed_reason = 'a test'`);
    await expect(people.personOf('idp|new')).rejects.toMatchObject({ code: 'TC003' });
    await database.dataSource.query('update store_identity set closed_at = null, closed_reason = null');
  });

  it('is asked for again after each opening of the store, which may lack the person', async () => {
    const { people } = await openPeople();
    const lost = await people.personOf('idp|lost');
    const { dataSource } = database;
    await dataSource.query(`update store_identity set closed_at = clock_timestamp(), closed_reason = 'a restore'`);
    await dataSource.query('delete from people where person = $1', [lost]);
    await dataSource.query('select reopen_store(0, true)');
    expect(await people.personOf('idp|lost')).not.toBe(lost);
  });

  it('can be told of a person, until that row is gone', async () => {
    const { people } = await openPeople();
    const [person, gone] = [await people.personOf('idp|stays'), await people.personOf('idp|goes')];
    await database.dataSource.query('delete from people where person = $1', [gone]);
    expect(await people.subjectsOf([person, gone])).toEqual(new Map([[person, 'idp|stays']]));
  });
});

describe('who people are', () => {
  it.each<[string, string, RegExp]>([
    ['command-api', `insert into people (subject) values ('forged')`, /denied/],
    ['command-api', `update people set subject = 'forged'`, /denied/],
    ['query-api', `select person_of('forged')`, /denied/],
    ['query-api', `delete from people`, /denied/],
    ['order-saga', `select from people`, /denied/],
    ['order-saga', `select person_of('forged')`, /denied/],
  ])('%s may not: %s', async (service, sql, refusal) => {
    const db = await database.dataSourceFor(service);
    await expect(db.query(sql)).rejects.toThrow(refusal);
  });
});
