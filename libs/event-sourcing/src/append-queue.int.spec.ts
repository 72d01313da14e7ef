import { event, freshId, writtenBy } from '@tradecore/events';
import type { DataSource } from 'typeorm';
import { Busy, ConcurrencyException, createEventStore, InvalidSave, limits, type PostgresEventStore } from './index.ts';
import { appendParameters, appendSql } from './append-events.ts';
import { saveOf } from './test/parts.ts';
import { createTestDatabase, Tally, tallyCatalogue, TallyOpened, TallyRaised, type TestDatabase } from './testing.ts';

/** There is no version 0: only the database finds out. */
class Poison extends event('TallyPoisoned', 0)<object> {}
class Poisoned extends Tally {
  override get uncommittedEvents(): readonly (TallyOpened | TallyRaised)[] {
    return [new Poison({}) as never];
  }
  override get version(): number {
    return 1;
  }
}
const declared = { ...tallyCatalogue['Tally'], ...writtenBy('command-api', [TallyOpened, TallyRaised, Poison]) };
const catalogue = { Tally: declared } as unknown as typeof tallyCatalogue;

describe('the PostgreSQL store under way', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let store: PostgresEventStore;
  beforeAll(async () => {
    database = await createTestDatabase({ catalogue });
    dataSource = await database.dataSourceFor('command-api');
    store = createEventStore({ dataSource, catalogue });
  });
  afterAll(async () => {
    await store.close();
    await database.drop();
  });

  const opened = (id: string = freshId()): Tally => new Tally(id).open('me');
  const saved = async (): Promise<Tally> => {
    const tally = opened();
    await store.saveAggregate(tally);
    return tally;
  };
  const versions = async (id: string): Promise<number[]> =>
    (await store.readEvents(id)).map(({ aggregateVersion }) => aggregateVersion);
  /** Runs `work` while another session holds what `hold` stored, and ends that session's transaction as told. */
  const whileHeld = async (hold: Tally, end: 'commit' | 'rollback', work: (release: () => Promise<void>) => Promise<void>) => {
    const holder = database.dataSource.createQueryRunner();
    await holder.startTransaction();
    await store.within(holder).saveAggregate(hold);
    let held = true;
    const release = async (): Promise<void> => {
      if (held) await (end === 'commit' ? holder.commitTransaction() : holder.rollbackTransaction());
      held = false;
    };
    try {
      await work(release);
    } finally {
      await release();
      await holder.release();
    }
  };

  it('lets concurrent saves travel together', async () => {
    const tallies = Array.from({ length: 150 }, () => opened());
    await Promise.all(tallies.map((tally) => store.saveAggregate(tally)));
    const [row] = (await database.dataSource.query(
      `select count(distinct xmin::text)::int as transactions, count(*)::int as events from event_store where aggregate_id = any ($1)`,
      [tallies.map(({ id }) => id)],
    )) as { transactions: number; events: number }[];
    expect(row?.events).toBe(150);
    expect(row?.transactions).toBeLessThan(10);
  });

  it('keeps a poison save from harming its neighbours', async () => {
    const together = [new Poisoned(freshId()), opened()].map((aggregate) => saveOf(catalogue, [aggregate]));
    const oneStatement = dataSource.query(appendSql, appendParameters(together, null));
    await expect(oneStatement).rejects.toMatchObject({ code: '23514' }); // the trap: one value fails the statement, and all its saves

    const neighbours = Array.from({ length: 20 }, () => opened());
    const poison = store.saveAggregate(new Poisoned(freshId()));
    const saves = neighbours.map((tally) => store.saveAggregate(tally));
    await expect(poison).rejects.toThrow(InvalidSave);
    expect((await Promise.all(saves)).map(({ outcome }) => outcome)).toEqual(neighbours.map(() => 'stored'));
  });

  it.each(['commit', 'rollback'] as const)(
    'does not let a slow holder of an existing or a new aggregate hold up its neighbours, then %s decides',
    async (end) => {
      for (const held of [await saved(), new Tally(freshId())]) {
        const rival = held.version === 0 ? opened(held.id) : (await store.loadAggregate(Tally, held.id)).raise(1);
        const theirs = held.version === 0 ? opened(held.id) : held.raise(9);
        await whileHeld(theirs, end, async (release) => {
          let decided = false;
          const waiting = store.saveAggregate(rival).then(
            () => 'stored',
            (error: Error) => error,
          );
          void waiting.then(() => (decided = true));
          for (let each = 0; each < 10; each += 1) await saved();
          expect(decided).toBe(false);
          await release();
          if (end === 'rollback') expect(await waiting).toBe('stored');
          else expect(await waiting).toBeInstanceOf(ConcurrencyException);
        });
      }
    },
  );

  it('refuses a save as busy when the holder does not let go', async () => {
    const held = await saved();
    const rival = (await store.loadAggregate(Tally, held.id)).raise(1);
    await whileHeld(held.raise(1), 'rollback', async () => {
      await expect(store.saveAggregate(rival)).rejects.toThrow(Busy);
    });
    expect(await versions(held.id)).toEqual([1]);
  });

  it('takes what fits into its queue and refuses the rest at once', async () => {
    const small = createEventStore({ dataSource, catalogue });
    const saves = Array.from({ length: limits.queuedSaves + 5 }, () => small.saveAggregate(opened()));
    const outcomes = await Promise.allSettled(saves);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
    expect(refused).toHaveLength(5);
    for (const reason of refused) expect(reason).toBeInstanceOf(Busy);
  }, 30_000);

  it('finishes what is under way when it closes, and takes no more', async () => {
    const closing = createEventStore({ dataSource, catalogue });
    const tallies = Array.from({ length: 50 }, () => opened());
    const saves = tallies.map((tally) => closing.saveAggregate(tally));
    await closing.close();
    expect((await Promise.all(saves)).every(({ outcome }) => outcome === 'stored')).toBe(true);
    await expect(closing.saveAggregate(opened())).rejects.toThrow('closing');
  });

  describe("inside a caller's transaction", () => {
    it('stores with the caller: nothing before its commit, nothing after its rollback', async () => {
      const [kept, dropped] = [opened(), opened()];
      await dataSource.transaction(async (manager) => {
        const inside = store.within(manager);
        await inside.saveAggregates([kept]);
        expect((await inside.loadAggregate(Tally, kept.id)).version).toBe(1);
        expect(await versions(kept.id)).toEqual([]);
      });
      const failing = dataSource.transaction(async (manager) => {
        await store.within(manager).saveAggregate(dropped);
        throw new Error('the caller changed its mind');
      });
      await expect(failing).rejects.toThrow('changed its mind');
      expect([await versions(kept.id), await versions(dropped.id)]).toEqual([[1], []]);
    });

    it('waits for a lock, and throws a conflict that rolls all back', async () => {
      const held = await saved();
      const [rival, other] = [(await store.loadAggregate(Tally, held.id)).raise(1), opened()];
      await whileHeld(held.raise(1), 'commit', async (release) => {
        const losing = dataSource.transaction((manager) => store.within(manager).saveAggregates([other, rival]));
        void losing.catch(() => undefined);
        await release();
        await expect(losing).rejects.toThrow(ConcurrencyException);
      });
      expect(await versions(other.id)).toEqual([]);
    });

    it('does not let two callers that want the same heads in opposite order deadlock, when each asks once', async () => {
      for (let round = 0; round < 10; round += 1) {
        const [a, b] = [await saved(), await saved()];
        const decide = async (ids: string[]): Promise<Tally[]> =>
          Promise.all(ids.map(async (id) => (await store.loadAggregate(Tally, id)).raise(1)));
        const [mine, yours] = [await decide([a.id, b.id]), await decide([b.id, a.id])];
        const outcomes = await Promise.allSettled(
          [mine, yours].map((tallies) => dataSource.transaction((manager) => store.within(manager).saveAggregates(tallies))),
        );
        const [refused] = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
        expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
        expect(refused).toBeInstanceOf(ConcurrencyException);
        expect([await versions(a.id), await versions(b.id)]).toEqual([
          [1, 2],
          [1, 2],
        ]);
      }
    });

    it('answers busy to one of two callers that ask one after the other and so deadlock', async () => {
      const [a, b] = [await saved(), await saved()];
      let firsts = 0;
      let bothHold: () => void = () => undefined;
      const both = new Promise<void>((resolve) => (bothHold = resolve));
      const save = (first: string, second: string) =>
        dataSource.transaction(async (manager) => {
          const inside = store.within(manager);
          await inside.saveAggregate((await inside.loadAggregate(Tally, first)).raise(1));
          if (++firsts === 2) bothHold();
          await both;
          await inside.saveAggregate((await inside.loadAggregate(Tally, second)).raise(1));
        });
      const outcomes = await Promise.allSettled([save(a.id, b.id), save(b.id, a.id)]);
      const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
      expect(reasons.length).toBeGreaterThanOrEqual(1); // the trap: PostgreSQL ends it after a second, by sacrificing one
      expect(reasons[0]).toBeInstanceOf(Busy);
      expect((reasons[0]?.cause as { code?: string }).code).toBe('40P01');
    });
  });
});
