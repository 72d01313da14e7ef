import { catalogue, freshId, FundsDeposited, hashOfText, isTextRef, WrittenText, type RecordedEvent } from '@tradecore/events';
import fc from 'fast-check';
import { ConcurrencyException } from '../store/store-errors.ts';
import { createEventStore, type PostgresEventStore } from '../store/postgres-event-store.ts';
import { createTestDatabase, type TestDatabase } from '../testing.ts';

let database: TestDatabase;
let store: PostgresEventStore;
beforeAll(async () => {
  database = await createTestDatabase({ services: ['query-api', 'order-saga'] });
  store = createEventStore({ dataSource: await database.dataSourceFor('command-api'), catalogue });
});
afterAll(async () => {
  await store.close();
  await database.drop();
});

const actor = '0190a6e0-0000-4000-8000-00000000ada0';
const rows = <Row>(sql: string, parameters: unknown[] = []): Promise<Row[]> => database.dataSource.query<Row[]>(sql, parameters);

/** A decision on a new account, with these texts; `commandId` makes it a repeat of another. */
function deposits(texts: readonly string[], { id = freshId(), commandId = freshId(), expected = 0 } = {}) {
  const target = { type: 'Account', id };
  const events = texts.map((text) => new FundsDeposited({ amount: '5', reference: new WrittenText(text), postings: [] }));
  return { ...target, expected, events: store.prepare(target, events, { context: { commandId, actor } }) };
}

const referencesIn = (events: readonly RecordedEvent[]) => events.map(({ data }) => (data as FundsDeposited['data']).reference);

describe('what a person wrote', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }).filter((each) => !each.includes('\0'));

  it('comes back as it was, and lies in no event', () =>
    fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 5 }), async (texts) => {
        const part = deposits(texts);
        await store.savePrepared([part]);
        const stored = await store.readEvents(part.id);
        expect(referencesIn((await store.withTexts(stored)) as never)).toEqual(texts);
        const kept = await rows<{ ref: string; salt: string; text: string; person: string }>('select * from texts');
        const byRef = new Map(kept.map((row) => [row.ref, row]));
        for (const [index, reference] of referencesIn(stored).entries()) {
          const { salt, ...row } = byRef.get(reference?.ref ?? '') ?? { salt: freshId() };
          expect(row).toMatchObject({ text: texts[index], person: actor });
          expect(reference).toEqual({ ref: reference?.ref, hash: hashOfText(salt, texts[index] ?? '') });
        }
      }),
      { numRuns: 25 },
    ));

  it('is kept with its event or not at all: a repeat and a conflict keep nothing', async () => {
    const [first, other] = [deposits(['first']), deposits(['other'])];
    await store.savePrepared([first]);
    const repeat = deposits(['again'], { id: first.id, commandId: first.events[0]?.decision ?? '' });
    const { outcome, events } = await store.savePrepared([repeat]);
    expect([outcome, referencesIn((await store.withTexts(events)) as never)]).toEqual(['repeated', ['first']]);
    const late = deposits(['late'], { id: first.id });
    const [lost, won] = await Promise.allSettled([store.savePrepared([late]), store.savePrepared([other])]);
    expect([lost.status === 'rejected' && (lost.reason as unknown), won.status]).toEqual([
      expect.any(ConcurrencyException),
      'fulfilled',
    ]);
    const decided = deposits(['locked'], { id: first.id, expected: 1 });
    await store.decideLocked([], () => [decided]);
    expect(await rows(`select text from texts where text in ('again', 'late', 'first', 'other', 'locked') order by 1`)).toEqual(
      ['first', 'locked', 'other'].map((each) => ({ text: each })),
    );
  });

  it('is absent once it is forgotten', async () => {
    const part = deposits(['stays', 'goes']);
    const { events } = await store.savePrepared([part]);
    await database.dataSource.query(`delete from texts where text = 'goes'`);
    const shown = await store.withTexts(events);
    expect(shown.map(({ data }) => ({ ...data }))).toEqual([
      { amount: '5', reference: 'stays', postings: [] },
      { amount: '5', postings: [] },
    ]);
    expect(referencesIn(events).every(isTextRef)).toBe(true);
  });

  it.each<[string, string]>([
    ['command-api', `insert into texts (ref, salt, text) values (gen_random_uuid(), gen_random_uuid(), 'forged')`],
    ['command-api', `update texts set text = 'forged'`],
    ['command-api', 'delete from texts'],
    ['query-api', `select keep_texts('[]', 1)`],
    ['order-saga', `select keep_texts('[]', 1)`],
    ['order-saga', 'select text from texts'],
  ])('%s may not: %s', async (service, sql) => {
    await expect((await database.dataSourceFor(service)).query(sql)).rejects.toThrow(/denied/);
  });
});
