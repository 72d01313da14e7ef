import { freshId } from '@tradecore/events';
import type { AnyAggregate } from '../base-aggregate.ts';
import type { EventStore } from '../store/event-store.ts';
import { retryOnConflict } from '../store/retry-on-conflict.ts';
import { BrokenHistory, ConcurrencyException } from '../store/store-errors.ts';
import { KeptTally, Tally } from './tally.ts';
import type { StoreUnderTest } from './conformance.ts';

/** What is changed in a snapshot behind the store's back: its state, or its claimed version. */
export interface Spoilt {
  readonly state?: object;
  readonly version?: number;
}

/** What every store guarantees for snapshots: they are used, but never when invalid. */
export function snapshots(opened: () => StoreUnderTest): void {
  const store = (): EventStore => opened().stores[0] as EventStore;
  const kept = (id: string) => store().loadAggregate(KeptTally, id);

  /** A tally of this many events, with its snapshots written on the way. */
  async function tally(events: number): Promise<string> {
    const made = new KeptTally(freshId()).open('me');
    for (let version = 2; version <= events; version += 1) {
      made.raise(version);
      if (version % 3 === 0) await store().saveAggregate(made);
    }
    await store().saveAggregate(made);
    return made.id;
  }

  /** The truth: all events, no snapshot. */
  async function replayed(id: string): Promise<object> {
    const { owner, total, version } = await store().loadAggregate(Tally, id);
    return { owner, total, version };
  }

  it('loads from the newest snapshot and later events, with the same result as from all events', async () => {
    const id = await tally(25);
    const loaded = await kept(id);
    expect(loaded.restoredAt).toBe(24); // saves end at 12 and 24: the first ends of ten events or more
    expect(loaded).toMatchObject(await replayed(id));
  });

  it('has none for a short history', async () => {
    expect((await kept(await tally(9))).restoredAt).toBeUndefined();
    expect((await kept(freshId())).version).toBe(0);
  });

  it('loads from a snapshot without later events', async () => {
    const id = await tally(12);
    const loaded = await kept(id);
    expect(loaded).toMatchObject({ ...(await replayed(id)), restoredAt: 12 });
    await store().saveAggregate(loaded.raise(1));
    expect(await kept(id)).toMatchObject({ ...(await replayed(id)), version: 13 });
  });

  it('keeps nothing of a refused save', async () => {
    const id = await tally(9);
    const [mine, yours] = [await kept(id), await kept(id)];
    await store().saveAggregate(yours.raise(1));
    for (let each = 0; each < 20; each += 1) mine.raise(1000);
    await expect(store().saveAggregate(mine)).rejects.toThrow(ConcurrencyException);
    expect(await kept(id)).toMatchObject(await replayed(id));
  });

  it.each<[string, Spoilt]>([
    ['another state', { state: { owner: 'me', total: 1_000_000 } }],
    ['the state of another event', { version: 11 }],
    ['a nonexistent version', { version: 1000 }],
    ['both', { version: 3, state: { owner: 'thief', total: 5 } }],
  ])('ignores a snapshot with %s, and replaces it at the next save', async (_, spoilt) => {
    const id = await tally(13);
    await opened().spoilSnapshot(id, spoilt);
    const loaded = await kept(id);
    expect(loaded.restoredAt).toBeUndefined();
    expect(loaded).toMatchObject(await replayed(id));
    await store().saveAggregate(loaded.raise(7));
    expect(await kept(id)).toMatchObject({ ...(await replayed(id)), restoredAt: 14 });
  });

  it('shows the past from an older snapshot or from none, never from a newer one', async () => {
    const id = await tally(40);
    const events = await store().readEvents(id);
    const newest = (await kept(id)).restoredAt as number;
    for (const version of [1, newest - 1, newest, newest + 1, 40]) {
      const asOf = await store().loadAggregateAsOf(KeptTally, id, { version });
      expect(asOf).toMatchObject({ version, total: (await store().loadAggregateAsOf(Tally, id, { version })).total });
      expect(asOf.restoredAt).toBe(version < newest ? undefined : newest);
    }
    for (const { time } of events) {
      const asOf = await store().loadAggregateAsOf(KeptTally, id, { time });
      const { version, total } = await store().loadAggregateAsOf(Tally, id, { time });
      expect(asOf).toMatchObject({ version, total });
    }
  });

  it('ignores snapshots of another shape; the previous shape stays for builds that know it, older ones are deleted', async () => {
    const shaped = (shape: number) =>
      class extends KeptTally {
        static override readonly snapshots = { every: 10, shape };
      };
    const id = await tally(12);
    for (const shape of [2, 3]) {
      const loaded = await store().loadAggregate(shaped(shape), id);
      expect(loaded.restoredAt).toBeUndefined();
      await store().saveAggregate(loaded.raise(1));
    }
    const startedAt = async (shape: number) => (await store().loadAggregate(shaped(shape), id)).restoredAt;
    expect(await Promise.all([1, 2, 3].map(startedAt))).toEqual([undefined, 13, 14]);
  });

  it('does not bypass the type check', async () => {
    class Other extends KeptTally {
      static override readonly type = 'Other';
    }
    await expect(store().loadAggregate(Other, await tally(12))).rejects.toThrow(BrokenHistory);
  });

  it('keeps no state that is too large, but stores the events', async () => {
    class Vast extends KeptTally {
      override toSnapshot(): ReturnType<KeptTally['toSnapshot']> {
        return { ...super.toSnapshot(), ballast: 'x'.repeat(1024 * 1024) } as never;
      }
    }
    const vast = new Vast(freshId()).open('me');
    for (let each = 0; each < 12; each += 1) vast.raise(1);
    await store().saveAggregate(vast as AnyAggregate);
    const loaded = await kept(vast.id);
    expect(loaded).toMatchObject({ version: 13, total: 12 });
    expect(loaded.restoredAt).toBeUndefined();
  });

  it('gives the same state from snapshots as from the first event during eight concurrent writers', async () => {
    const id = await tally(1);
    const stores = opened().stores;
    const write = async (writer: number): Promise<void> => {
      for (let round = 0; round < 12; round += 1) {
        const mine = stores[writer % stores.length] as EventStore;
        await retryOnConflict(async () => mine.saveAggregate((await mine.loadAggregate(KeptTally, id)).raise(writer)), 1000);
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));
    const loaded = await kept(id);
    expect(loaded).toMatchObject({ ...(await replayed(id)), version: 97, total: 12 * 28 });
    expect(loaded.restoredAt).toBeGreaterThan(80);
  });
}
