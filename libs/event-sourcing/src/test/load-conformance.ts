import { freshId } from '@tradecore/events';
import type { EventStore } from '../store/event-store.ts';
import type { Wanted, WarmAggregate } from '../load/load-many.ts';
import { BrokenHistory } from '../store/store-errors.ts';
import { Gate, KeptTally, Tally, TallyRaised } from './tally.ts';
import type { StoreUnderTest } from './conformance.ts';

/** What every store guarantees for many aggregates loaded at once, and for decisions under locks. */
export function manyAtOnce(opened: () => StoreUnderTest): void {
  const store = (): EventStore => opened().stores[0] as EventStore;
  const together = atOnce(store);
  together.loading();
  together.warm();
  together.snapshots();
  decisions(() => opened().stores);
}

function atOnce(store: () => EventStore) {
  const tally = async (raises = 0): Promise<Tally> => {
    const made = new Tally(freshId()).open('me');
    for (let each = 0; each < raises; each += 1) made.raise(1);
    await store().saveAggregate(made);
    return made;
  };
  const lastId = async (id: string): Promise<string> => (await store().readEvents(id)).at(-1)?.id ?? '';
  const loadOne = async (wanted: Wanted<Tally>): Promise<WarmAggregate<Tally>> =>
    (await store().loadMany([wanted])).get(wanted.type, wanted.id);

  return {
    loading(): void {
      it('loads aggregates of different types, a missing one, events by id, and the time', async () => {
        const [one, gate, none] = [await tally(3), new Gate(freshId()).turn(false), freshId()];
        await store().saveAggregate(gate);
        const [first] = await store().readEvents(one.id);
        const wanted = [
          { type: Tally, id: one.id },
          { type: Gate, id: gate.id },
          { type: Tally, id: none },
        ];
        const loaded = await store().loadMany(wanted, [first?.id ?? '', freshId()]);
        expect(loaded.get(Tally, one.id)).toMatchObject({
          aggregate: { total: 3, version: 4 },
          lastEventId: await lastId(one.id),
        });
        expect(loaded.get(Gate, gate.id).aggregate).toMatchObject({ isOpen: false, version: 1 });
        expect(loaded.get(Tally, none)).toMatchObject({ aggregate: { version: 0 }, lastEventId: null });
        expect([...loaded.events.values()]).toEqual([first]);
        expect(loaded.now).toMatch(/^20\d\d-.*\.\d{6}Z$/);
        expect((await store().loadMany([])).now > loaded.now).toBe(true);
        expect(() => loaded.get(Gate, one.id)).toThrow(TypeError);
        expect(() => loaded.get(Tally, freshId())).toThrow(TypeError);
      });

      it("reports a history that it can't replay or that is of another type, and loads the others", async () => {
        class Broken extends Tally {
          override onTallyOpened(): void {
            throw new TypeError('broken');
          }
        }
        const [good, bad, gate] = [await tally(), await tally(), new Gate(freshId()).turn(true)];
        await store().saveAggregate(gate);
        const wanted = [
          { type: Broken, id: bad.id },
          { type: Tally, id: gate.id },
          { type: Tally, id: good.id },
        ];
        const loaded = await store().loadMany(wanted);
        expect(() => loaded.get(Broken, bad.id)).toThrow(new TypeError('broken'));
        expect(() => loaded.get(Tally, gate.id)).toThrow(BrokenHistory);
        expect(loaded.get(Tally, good.id).aggregate.version).toBe(1);
      });

      it('reads a long history in pages', async () => {
        const { id } = await tally();
        for (let round = 0; round < 11; round += 1) {
          const own = await store().loadAggregate(Tally, id);
          for (let each = 0; each < 100; each += 1) own.raise(1);
          await store().saveAggregate(own);
        }
        expect((await loadOne({ type: Tally, id })).aggregate).toMatchObject({ version: 1101, total: 1100 });
      });
    },

    warm(): void {
      it('updates a warm aggregate in place for all holders, however many concurrent loads there are', async () => {
        const { id } = await tally(2);
        const warm = await loadOne({ type: Tally, id });
        await store().saveAggregate((await store().loadAggregate(Tally, id)).raise(10).raise(20));
        const found = await Promise.all(Array.from({ length: 5 }, () => loadOne({ type: Tally, id, warm })));
        for (const each of found) expect(each).toBe(warm);
        expect(warm).toMatchObject({ aggregate: { version: 5, total: 32 }, lastEventId: await lastId(id) });
      });

      it('continues from recorded events once they are stored', async () => {
        const { id } = await tally();
        const warm = await loadOne({ type: Tally, id });
        const target = { type: 'Tally', id };
        const decided = [new TallyRaised({ by: 4 })];
        const part = { ...target, expected: warm.aggregate.version, events: store().prepare(target, decided) };
        warm.aggregate.record(decided);
        warm.lastEventId = (await store().savePrepared([part])).events.at(-1)?.id ?? null;
        await store().saveAggregate((await store().loadAggregate(Tally, id)).raise(1));
        expect(await loadOne({ type: Tally, id, warm })).toBe(warm);
        expect(warm.aggregate).toMatchObject({ version: 3, total: 5 });
      });

      it('starts over if the store lacks its last event', async () => {
        const { id } = await tally(2);
        const foreign = new Tally(id).open('other').raise(7);
        foreign.markCommitted();
        const ahead = new Tally(id).open('me').raise(1).raise(1).raise(1);
        ahead.markCommitted();
        for (const aggregate of [foreign, ahead]) {
          const found = await loadOne({ type: Tally, id, warm: { aggregate, lastEventId: freshId() } });
          expect(found.aggregate).not.toBe(aggregate);
          expect(found.aggregate).toMatchObject({ version: 3, total: 2, owner: 'me' });
        }
      });

      it('refuses a warm aggregate with uncommitted events', async () => {
        const aggregate = (await tally()).raise(1);
        const loading = store().loadMany([{ type: Tally, id: aggregate.id, warm: { aggregate, lastEventId: freshId() } }]);
        await expect(loading).rejects.toThrow('uncommitted events');
      });
    },

    snapshots(): void {
      it('starts from snapshots where they exist, and reads later events', async () => {
        const made = new KeptTally(freshId()).open('me');
        for (let each = 0; each < 11; each += 1) made.raise(1);
        await store().saveAggregate(made);
        await store().saveAggregate((await store().loadAggregate(Tally, made.id)).raise(5));
        const wanted = [
          { type: KeptTally, id: made.id },
          { type: KeptTally, id: freshId() },
        ];
        const loaded = await store().loadMany(wanted);
        expect(loaded.get(KeptTally, made.id)).toMatchObject({
          aggregate: { version: 13, total: 16, restoredAt: 12 },
          lastEventId: await lastId(made.id),
        });
      });

      it("reads all of history if the class can't restore the snapshot", async () => {
        class Forgetful extends KeptTally {
          override restore(): void {
            throw new Error('another state');
          }
        }
        const made = new KeptTally(freshId()).open('me');
        for (let each = 0; each < 11; each += 1) made.raise(1);
        await store().saveAggregate(made);
        expect((await loadOne({ type: Forgetful, id: made.id })).aggregate).toMatchObject({ version: 12, total: 11 });
      });

      it('writes the snapshots due for aggregates saved in parts, and none of uncommitted events', async () => {
        const kept = new KeptTally(freshId()).open('me');
        await store().saveAggregate(kept);
        const decided = Array.from({ length: 11 }, () => new TallyRaised({ by: 1 }));
        const target = { type: 'Tally', id: kept.id };
        await store().savePrepared([{ ...target, expected: 1, events: store().prepare(target, decided) }]);
        await store().keepSnapshots([kept.record(decided), new KeptTally(kept.id).open('nobody')]);
        expect(await store().loadAggregate(KeptTally, kept.id)).toMatchObject({ version: 12, total: 11, restoredAt: 12 });
      });
    },
  };
}

async function openIn(store: EventStore): Promise<Tally> {
  const made = new Tally(freshId()).open('me');
  await store.saveAggregate(made);
  return made;
}

function decisions(stores: () => readonly EventStore[]): void {
  const store = (): EventStore => stores()[0] as EventStore;
  const raise = (target: EventStore, id: string, by: number) =>
    target.decideLocked([{ type: Tally, id }], (loaded) => {
      const { version: expected } = loaded.get(Tally, id).aggregate;
      const of = { type: 'Tally', id };
      return [{ ...of, expected, events: target.prepare(of, [new TallyRaised({ by })]) }];
    });

  it('decides under locks: none of many concurrent writers is refused', async () => {
    const { id } = await openIn(store());
    const saves = await Promise.all(
      Array.from({ length: 20 }, (_, n) => raise(stores()[n % stores().length] as EventStore, id, 1)),
    );
    expect(new Set(saves.map(({ events }) => events[0]?.aggregateVersion)).size).toBe(20);
    expect((await store().loadAggregate(Tally, id)).total).toBe(20);
  });

  it('stores nothing when the decision returns nothing or throws', async () => {
    const { id } = await openIn(store());
    const [first] = await store().readEvents(id);
    const seen: unknown[] = [];
    const nothing = await store().decideLocked(
      [{ type: Tally, id }],
      (loaded) => {
        seen.push(...loaded.events.values());
        return [];
      },
      { lookups: [first?.id ?? ''] },
    );
    expect([nothing, seen]).toEqual([{ outcome: 'stored', events: [] }, [first]]);
    const failing = store().decideLocked([{ type: Tally, id }], () => {
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect((await raise(store(), id, 1)).events).toMatchObject([{ aggregateVersion: 2 }]);
  });
}
