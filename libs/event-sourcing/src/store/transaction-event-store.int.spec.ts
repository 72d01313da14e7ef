import { causedEventId, freshId } from '@tradecore/events';
import type { DataSource } from 'typeorm';
import type { TransactionEventStore } from '../index.ts';
import { Busy, createEventStore, type PostgresEventStore, type Wanted } from '../index.ts';
import { ConcurrencyException, InvalidSave, PayloadTooLarge, TextNotStorable } from './store-errors.ts';
import { partOf } from '../test/parts.ts';
import { createTestDatabase, Tally, tallyCatalogue, type TestDatabase } from '../testing.ts';

describe('many decisions in one transaction', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let store: PostgresEventStore;
  beforeAll(async () => {
    database = await createTestDatabase({ catalogue: tallyCatalogue, services: ['order-projector'] });
    dataSource = await database.dataSourceFor('command-api');
    store = createEventStore({ dataSource, catalogue: tallyCatalogue });
  });
  afterAll(() => database.drop());

  const within = <T>(work: (batch: TransactionEventStore) => Promise<T>): Promise<T> =>
    dataSource.transaction((manager) => work(store.within(manager)));
  const tally = async (raises = 0): Promise<Tally> => {
    const made = new Tally(freshId()).open('me');
    for (let n = 0; n < raises; n += 1) made.raise(1);
    await store.saveAggregate(made);
    return made;
  };
  const wanted = (...ids: string[]): Wanted[] => ids.map((id) => ({ type: Tally, id }));
  const context = (commandId: string) => ({ correlationId: freshId(), commandId, account: 'acme' });
  const decided = (tally: Tally, commandId: string, count = 1) =>
    partOf(tallyCatalogue, tally, { context: context(commandId), count });
  const loadOne = async (batch: TransactionEventStore, id: string, warm?: Wanted['warm']): Promise<Tally> => {
    const found = (await batch.loadLocked([{ type: Tally, id, warm }])).aggregates.get(id);
    if (!found || found instanceof Error) throw found ?? new Error(`${id} was not loaded`);
    return found.aggregate as Tally;
  };
  const lastId = async (id: string, version: number) => (await store.readEvents(id, { from: version, to: version }))[0]?.id ?? '';

  it('loads existing aggregates, a missing one, and events by id', async () => {
    const [one, two, none] = [await tally(), await tally(3), freshId()];
    const first = await lastId(two.id, 1);
    const loaded = await within((batch) => batch.loadLocked(wanted(one.id, two.id, none), { lookups: [first, freshId()] }));
    const found = [one.id, two.id, none].map((id) => loaded.aggregates.get(id));
    expect(found).toMatchObject([
      { aggregate: { total: 0, version: 1 }, lastEventId: await lastId(one.id, 1) },
      { aggregate: { total: 3, version: 4 }, lastEventId: await lastId(two.id, 4) },
      { aggregate: { version: 0 }, lastEventId: null },
    ]);
    expect([...loaded.events.values()]).toEqual([(await store.readEvents(two.id))[0]]);
    expect(loaded.now).toMatch(/^20\d\d-.*\.\d{6}Z$/);
  });

  it('stores decisions of many contexts in one call, including several of one aggregate', async () => {
    const [one, two] = [await tally(), await tally()];
    const [a, b, c] = [freshId(), freshId(), freshId()];
    const events = await within(async (batch) => {
      const [first, second] = [await loadOne(batch, one.id), await loadOne(batch, two.id)];
      const decisions = [decided(first.raise(1).raise(2), a, 2), decided(second.raise(4), b), decided(first.raise(8), c)];
      return batch.saveBatch(decisions);
    });
    expect(events.map(({ id }) => id)).toEqual([
      causedEventId(a, one.id, 0),
      causedEventId(a, one.id, 1),
      causedEventId(b, two.id, 0),
      causedEventId(c, one.id, 0),
    ]);
    expect(new Set(events.map(({ correlationId }) => correlationId)).size).toBe(3);
    const kept = [...(await store.readEvents(one.id, { from: 2 })), ...(await store.readEvents(two.id, { from: 2 }))];
    const byId = (events: readonly { readonly id: string }[]) => events.toSorted((x, y) => (x.id < y.id ? -1 : 1));
    expect(byId(events)).toEqual(byId(kept));
    expect((await store.loadAggregate(Tally, one.id)).total).toBe(11);
  });

  it('splits what exceeds the limits of a save', async () => {
    const made = await tally();
    await within(async (batch) => {
      const own = await loadOne(batch, made.id);
      const decisions = Array.from({ length: 120 }, () => decided(own.raise(1).raise(1), freshId(), 2));
      expect(await batch.saveBatch(decisions)).toHaveLength(240);
    });
    expect(await store.loadAggregate(Tally, made.id)).toMatchObject({ total: 240, version: 241 });
  });

  it('records what it stores together, in one or several calls, for a take-back from the topics', async () => {
    const [one, two, big] = [await tally(), await tally(), await tally()];
    const saves = async (...ids: string[]): Promise<unknown> => {
      const [row] = await database.dataSource.query<{ saves: string[]; events: string }[]>(
        `select array_agg(distinct o.save) as saves, count(*) as events from event_outbox o join event_store e using (event_id)
          where e.aggregate_id = any ($1) and e.aggregate_version > 1`,
        [ids],
      );
      return [row?.saves.map((save) => save.split('.')[1]).sort(), row?.events];
    };
    await within(async (batch) => {
      const tallies = [await loadOne(batch, one.id), await loadOne(batch, two.id)] as const;
      await batch.saveBatch(tallies.map((own) => decided(own.raise(1), freshId())));
    });
    expect(await saves(one.id, two.id)).toEqual([['2'], '2']);
    await within(async (batch) => {
      const own = await loadOne(batch, big.id);
      await batch.saveBatch(Array.from({ length: 120 }, () => decided(own.raise(1), freshId())));
      await batch.saveBatch([decided((await loadOne(batch, one.id)).raise(1), freshId())]);
    });
    expect(await saves(big.id)).toEqual([['120'], '120']);
    expect(await saves(one.id)).toEqual([['1', '2'], '2']);
    await Promise.all([one, two].map(async ({ id }) => store.saveAggregate((await store.loadAggregate(Tally, id)).raise(1))));
    expect(await saves(one.id, two.id)).toEqual([['1', '1', '1', '2'], '5']);
  });

  it('sees what the lock waited for, where a join of lock and rows sees the old state', async () => {
    const { id } = await tally();
    const joined = `select h.version, (select max(e.aggregate_version) from event_store e where e.aggregate_id = h.aggregate_id) as seen
      from stream_heads h where h.aggregate_id = $1 for update of h`;
    const behind = (load: (batch: TransactionEventStore) => Promise<unknown>) =>
      within(async (holder) => {
        const own = await loadOne(holder, id);
        await holder.saveBatch([decided(own.raise(1), freshId())]);
        const waiting = within(load);
        await waitsForLock(database);
        return { waiting };
      });
    const trap = await behind(() => database.dataSource.query(joined, [id]));
    expect(await trap.waiting).toEqual([{ version: 2, seen: 1 }]);
    const held = await behind((batch) => loadOne(batch, id));
    expect(await held.waiting).toMatchObject({ version: 3, total: 2 });
  });

  it('keeps other sessions from creating an aggregate that it locked before it exists', async () => {
    const id = freshId();
    const rival = new Tally(id).open('rival');
    const open = (batch: TransactionEventStore, own: Tally) => batch.saveBatch([decided(own.open('me'), freshId())]);
    const saving = await within(async (batch) => {
      const own = await loadOne(batch, id);
      const attempt = store.saveAggregate(rival);
      attempt.catch(() => undefined);
      await waitsForLock(database);
      await open(batch, own);
      return { attempt };
    });
    await expect(saving.attempt).rejects.toThrow(ConcurrencyException);
    expect(await store.loadAggregate(Tally, id)).toMatchObject({ owner: 'me', version: 1 });
  });

  it('continues from a kept aggregate, and starts over if the store lacks its last event', async () => {
    const kept = await tally(2);
    const lastEventId = await lastId(kept.id, 3);
    await store.saveAggregate((await store.loadAggregate(Tally, kept.id)).raise(10));
    const load = (warm: Wanted['warm']) => within((batch) => loadOne(batch, kept.id, warm));
    expect(await load({ aggregate: kept, lastEventId })).toBe(kept);
    expect(kept).toMatchObject({ version: 4, total: 12 });
    const foreign = new Tally(kept.id).open('other').raise(7);
    foreign.markCommitted();
    expect(await load({ aggregate: foreign, lastEventId: freshId() })).toMatchObject({ version: 4, total: 12, owner: 'me' });
    const ahead = new Tally(kept.id).open('me').raise(1).raise(1).raise(10).raise(1);
    ahead.markCommitted();
    expect(await load({ aggregate: ahead, lastEventId: freshId() })).toMatchObject({ version: 4, total: 12 });
  });

  it("reports a history that it can't replay and loads the others", async () => {
    const [good, bad] = [await tally(), await tally()];
    class Other extends Tally {
      static override readonly type = 'Tally';
      override onTallyOpened(): void {
        throw new TypeError('broken');
      }
    }
    const { aggregates } = await within((batch) => batch.loadLocked([...wanted(good.id), { type: Other, id: bad.id }]));
    expect(aggregates.get(good.id)).toMatchObject({ aggregate: { version: 1 } });
    expect(aggregates.get(bad.id)).toEqual(new TypeError('broken'));
  });

  it('reads a long history in pages', async () => {
    const { id } = await tally();
    for (let n = 0; n < 21; n += 1) {
      const own = await store.loadAggregate(Tally, id);
      for (let each = 0; each < 100; each += 1) own.raise(1);
      await store.saveAggregate(own);
    }
    expect(await within((batch) => loadOne(batch, id))).toMatchObject({ version: 2101, total: 2100 });
  });

  it("refuses at prepare what can't be stored", () => {
    const own = new Tally(freshId()).open('me');
    for (let n = 0; n < 101; n += 1) own.raise(1);
    expect(() => decided(own, freshId(), 101)).toThrow(PayloadTooLarge);
    expect(() => decided(own.raise(1, '\0'), freshId())).toThrow(TextNotStorable);
    expect(() => decided(new Tally('no-uuid').open('me'), freshId())).toThrow(InvalidSave);
  });

  it('rolls everything back when one decision is already stored', async () => {
    const [one, two] = [await tally(), await tally()];
    const commandId = freshId();
    const both = () =>
      within(async (batch) => {
        const [first, second] = [await loadOne(batch, one.id), await loadOne(batch, two.id)];
        const decisions = [decided(first.raise(1), freshId()), decided(second.raise(1), commandId)];
        return batch.saveBatch(decisions);
      });
    await both();
    await expect(both()).rejects.toThrow(ConcurrencyException);
    expect(await store.loadAggregate(Tally, one.id)).toMatchObject({ total: 1 });
  });

  it('gives up after two seconds, and refuses a service that does not write the type', async () => {
    const { id } = await tally();
    await within(async (holder) => {
      await holder.loadLocked(wanted(id));
      await expect(within((batch) => batch.loadLocked(wanted(id)))).rejects.toThrow(Busy);
    });
    const reader = await database.dataSourceFor('order-projector');
    const other = createEventStore({ dataSource: reader, catalogue: tallyCatalogue });
    const load = reader.transaction((manager) => other.within(manager).loadLocked(wanted(id)));
    await expect(load).rejects.toThrow('does not write');
  });
});

/** Until a session of this database waits for a lock. */
async function waitsForLock({ dataSource, name }: TestDatabase): Promise<void> {
  const look = `select from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'`;
  while (((await dataSource.query(look, [name])) as unknown[]).length === 0)
    await new Promise((resolve) => setTimeout(resolve, 5));
}
