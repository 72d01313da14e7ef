import { setImmediate as immediately } from 'node:timers/promises';
import { derivedId, event, freshId, writtenBy } from '@tradecore/events';
import { DataSource } from 'typeorm';
import {
  Busy,
  ConcurrencyException,
  createEventStore,
  EventIdTaken,
  InvalidSave,
  limits,
  type PartToSave,
  type PostgresEventStore,
  type Saved,
} from '../index.ts';
import { appendCall } from './append-events.ts';
import { saveOf } from '../test/parts.ts';
import {
  createTestDatabase,
  Gate,
  partOf,
  Tally,
  tallyCatalogue,
  TallyOpened,
  TallyRaised,
  type TestDatabase,
} from '../testing.ts';

/** There is no version 0: only the database notices. */
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
const catalogue = { ...tallyCatalogue, Tally: declared } as unknown as typeof tallyCatalogue;

describe('the PostgreSQL store in operation', () => {
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
  /** Runs `work` while another session holds what `hold` stored; then ends that session's transaction as given. */
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

  it('sends concurrent saves together', async () => {
    const tallies = Array.from({ length: 150 }, () => opened());
    await Promise.all(tallies.map((tally) => store.saveAggregate(tally)));
    const [row] = (await database.dataSource.query(
      `select count(distinct xmin::text)::int as transactions, count(*)::int as events from event_store where aggregate_id = any ($1)`,
      [tallies.map(({ id }) => id)],
    )) as { transactions: number; events: number }[];
    expect(row?.events).toBe(150);
    expect(row?.transactions).toBeLessThan(10);
  });

  it('keeps a poison save from affecting the others', async () => {
    const together = [new Poisoned(freshId()), opened()].map((aggregate) => saveOf(catalogue, [aggregate]));
    const { text, values } = appendCall(together, null);
    const oneStatement = dataSource.query(text, values);
    await expect(oneStatement).rejects.toMatchObject({ code: '23514' }); // the trap: one value fails all saves

    const neighbours = Array.from({ length: 20 }, () => opened());
    const poison = store.saveAggregate(new Poisoned(freshId()));
    const saves = neighbours.map((tally) => store.saveAggregate(tally));
    await expect(poison).rejects.toThrow(InvalidSave);
    expect((await Promise.all(saves)).map(({ outcome }) => outcome)).toEqual(neighbours.map(() => 'stored'));
  });

  it.each(['commit', 'rollback'] as const)(
    'does not let a slow holder of an existing or new aggregate delay the others, then %s decides',
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

  it('refuses a save as busy when the holder does not release the aggregate', async () => {
    const held = await saved();
    const rival = (await store.loadAggregate(Tally, held.id)).raise(1);
    await whileHeld(held.raise(1), 'rollback', async () => {
      await expect(store.saveAggregate(rival)).rejects.toThrow(Busy);
    });
    expect(await versions(held.id)).toEqual([1]);
  });

  it('refuses at once, if asked to, when another save holds the aggregate; waits for new aggregates', async () => {
    const held = await saved();
    const rival = (await store.loadAggregate(Tally, held.id)).raise(1);
    const refusing = (tally: Tally) => store.savePrepared([partOf(catalogue, tally)], { onBusy: 'refuse' });
    await whileHeld(held.raise(1), 'commit', async () => {
      const since = performance.now();
      const refused = refusing(rival);
      await expect(refused).rejects.toThrow(Busy);
      await expect(refused).rejects.toMatchObject({ details: { aggregates: [held.id] } });
      expect(performance.now() - since).toBeLessThan(1000);
    });
    const id = freshId();
    await whileHeld(opened(id), 'rollback', async (release) => {
      const waiting = refusing(opened(id));
      await saved();
      await release();
      expect((await waiting).outcome).toBe('stored');
    });
    const [first, second] = [await store.loadAggregate(Tally, id), await store.loadAggregate(Tally, id)];
    const stored = refusing(first.raise(1));
    await expect(refusing(second.raise(1))).rejects.toThrow(Busy); // the first is in flight in this process
    expect((await stored).outcome).toBe('stored');
  });

  it('tells one of two saves that want the same name at the same time that it is taken', async () => {
    const [one, two] = [await saved(), await saved()];
    const ids = new Map([[0, freshId()]]);
    const rivals = createEventStore({ dataSource, catalogue });
    const named = ({ id }: Tally): PartToSave => {
      const target = { type: 'Tally', id };
      return { ...target, expected: 1, events: store.prepare(target, [new TallyRaised({ by: 1 })], { ids }) };
    };
    const outcomes = await Promise.allSettled([store.savePrepared([named(one)]), rivals.savePrepared([named(two)])]);
    const [winner, loser] = outcomes[0].status === 'fulfilled' ? [one, two] : [two, one];
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
    expect(refused).toEqual([expect.any(EventIdTaken)]);
    expect(refused[0]).toMatchObject({ aggregateIds: [loser.id], takenBy: winner.id });
    const inOneCall = await Promise.allSettled(
      [await saved(), await saved()].map((tally) => {
        const target = { type: 'Tally', id: tally.id };
        const events = store.prepare(target, [new TallyRaised({ by: 1 })], { ids: new Map([[0, derivedId('name', one.id)]]) });
        return store.savePrepared([{ ...target, expected: 1, events }]);
      }),
    );
    expect(inOneCall.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  describe('with a gate asserted by saves', () => {
    const under = (gate: Gate, expected: number): PartToSave[] => [
      partOf(catalogue, opened()),
      { type: 'Gate', id: gate.id, expected, events: [] },
    ];
    const gateAt1 = async (): Promise<Gate> => {
      const gate = new Gate(freshId()).turn(true);
      await store.saveAggregate(gate);
      return gate;
    };

    it('stores all fifty concurrent saves that assert it, in two processes', async () => {
      const gate = await gateAt1();
      const other = createEventStore({ dataSource: await database.dataSourceFor('command-api'), catalogue });
      const saves = Array.from({ length: 50 }, (_, n) =>
        (n % 2 === 0 ? store : other).savePrepared(under(gate, 1), { onBusy: 'refuse' }),
      );
      expect((await Promise.all(saves)).every(({ outcome }) => outcome === 'stored')).toBe(true);
      await other.close();
    });

    it('stores nothing decided on the old version once a change is acknowledged, however long saves stall', async () => {
      const gate = await gateAt1();
      const stalled = await new DataSource({
        type: 'postgres',
        url: database.urlFor('command-api'),
        installExtensions: false,
        poolSize: 2,
      }).initialize();
      const holders = [stalled.createQueryRunner(), stalled.createQueryRunner()];
      for (const holder of holders) await holder.query('select 1');
      const slow = createEventStore({ dataSource: stalled, catalogue });
      const saves = Array.from({ length: 30 }, () => under(gate, 1));
      const waiting = Promise.allSettled(saves.map((parts) => slow.savePrepared(parts)));
      await store.saveAggregate(gate.turn(false));
      for (const holder of holders) await holder.release();
      for (const outcome of await waiting) {
        expect(outcome).toMatchObject({
          status: 'rejected',
          reason: { conflicts: [{ aggregateId: gate.id, expected: 1, found: 2 }] },
        });
      }
      for (const [part] of saves) expect(await versions(part?.id ?? '')).toEqual([]);
      await slow.close();
      await stalled.destroy();
    });

    it('splits the saves at each change, under load: those before it are on the old version, those after it on the new one', async () => {
      const gate = await gateAt1();
      const other = createEventStore({ dataSource: await database.dataSourceFor('command-api'), catalogue });
      const changes: string[] = [''];
      const decided: { on: number; saved: Saved }[] = [];
      let isOver = false;
      const load = async (target: PostgresEventStore): Promise<void> => {
        while (!isOver) {
          const on = gate.version - gate.uncommittedEvents.length;
          await target.savePrepared(under(gate, on)).then(
            (saved) => decided.push({ on, saved }),
            (error: unknown) => expect(error).toBeInstanceOf(ConcurrencyException),
          );
        }
      };
      const loads = Array.from({ length: 20 }, (_, n) => load(n % 2 === 0 ? store : other));
      for (let change = 0; change < 10; change += 1) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        const { events } = await store.saveAggregate(gate.turn(change % 2 === 0));
        changes.push(events[0]?.time ?? '');
      }
      isOver = true;
      await Promise.all(loads);
      expect(decided.length).toBeGreaterThan(100);
      for (const { on, saved } of decided) {
        const time = saved.events[0]?.time ?? '';
        expect(time > (changes[on - 1] ?? '')).toBe(true);
        expect(time < (changes[on] ?? '9')).toBe(true);
      }
      await other.close();
    });
  });

  it('accepts what fits into its queue and refuses the rest at once', async () => {
    const small = createEventStore({ dataSource, catalogue });
    const saves = Array.from({ length: limits.queuedSaves + 5 }, () => small.saveAggregate(opened()));
    const outcomes = await Promise.allSettled(saves);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
    expect(refused).toHaveLength(5);
    for (const reason of refused) expect(reason).toBeInstanceOf(Busy);
  }, 30_000);

  it('finishes what is in flight when it closes, whoever asks it to, and accepts no more', async () => {
    const closing = createEventStore({ dataSource, catalogue });
    let stored = 0;
    const saves = Array.from({ length: 50 }, () => closing.saveAggregate(opened()).then(() => (stored += 1)));
    const first = closing.close();
    await closing.close();
    await immediately(); // those decided last have returned
    expect(stored).toBe(50);
    await Promise.all([first, ...saves]);
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

    it('waits for a lock, and throws a conflict that rolls everything back', async () => {
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

    it('does not deadlock two callers that want the same heads in opposite order in one call each', async () => {
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

    it('answers busy to one of two callers that deadlock by asking for one head after the other', async () => {
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
      expect(reasons.length).toBeGreaterThanOrEqual(1); // the trap: PostgreSQL ends it after a second by killing one
      expect(reasons[0]).toBeInstanceOf(Busy);
      expect((reasons[0]?.cause as { code?: string }).code).toBe('40P01');
    });
  });
});
