import { causedEventId, freshId, type RecordedEvent } from '@tradecore/events';
import { runInContext } from '@tradecore/telemetry';
import type { EventStore } from '../store/event-store.ts';
import { ConcurrencyException, InvalidSave, PayloadTooLarge, TextNotStorable } from '../store/store-errors.ts';
import { manyAtOnce } from './load-conformance.ts';
import { preparedSaves } from './prepared-conformance.ts';
import { race, type Racer } from './race.ts';
import { snapshots, type Spoilt } from './snapshot-conformance.ts';
import { Tally } from './tally.ts';

/** A store to test, with `tallyCatalogue`. */
export interface StoreUnderTest extends Racer {
  /** Changes an aggregate's snapshot behind the store's back. */
  spoilSnapshot(aggregateId: string, spoilt: Spoilt): Promise<void>;
  close(): Promise<void>;
}

/** What every event store guarantees, as a suite that the PostgreSQL and in-memory stores pass. */
export function eventStoreConformance(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the promises of an event store`, () => {
    let opened: StoreUnderTest;
    let store: EventStore;
    beforeAll(async () => {
      opened = await open();
      store = opened.stores[0] as EventStore;
    });
    afterAll(() => opened.close());

    savingAndLoading(() => store);
    conflicts(() => store);
    repeats(() => store);
    asOf(() => store);
    reading(() => store);
    doors(() => store);
    snapshots(() => opened);
    preparedSaves(() => store);
    manyAtOnce(() => opened);
    it(
      'holds under a race: 32 writers, multi-event and two-aggregate saves, every tenth rolled back',
      () => race(opened),
      60_000,
    );
  });
}

type Get = () => EventStore;

const opened = (): Tally => new Tally(freshId()).open('me');

async function all(batches: AsyncIterable<RecordedEvent[]>): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const batch of batches) events.push(...batch);
  return events;
}

function savingAndLoading(store: Get): void {
  it('loads what it saved', async () => {
    const tally = opened().raise(2, 'two "quoted" \\ {braces} ünï © 😀').raise(3);
    const saved = await store().saveAggregate(tally);
    expect(saved.outcome).toBe('stored');
    expect(saved.events.map(({ aggregateVersion }) => aggregateVersion)).toEqual([1, 2, 3]);
    expect(tally.uncommittedEvents).toEqual([]);
    expect(await store().readEvents(tally.id)).toEqual(saved.events);
    expect(await store().loadAggregate(Tally, tally.id)).toMatchObject({ total: 5, version: 3, owner: 'me' });
  });

  it('loads version 0 of an unknown aggregate', async () => {
    expect((await store().loadAggregate(Tally, freshId())).version).toBe(0);
  });

  it('stores nothing when nothing was decided', async () => {
    const tally = new Tally(freshId());
    expect(await store().saveAggregate(tally)).toEqual({ outcome: 'stored', events: [] });
    expect(await store().readEvents(tally.id)).toEqual([]);
  });

  it('gives events new ids in rising order, and no origin without a context', async () => {
    const { events } = await store().saveAggregate(opened().raise(1));
    expect(events.map(({ id }) => id[14])).toEqual(['7', '7']);
    expect(events[0]).toMatchObject({ correlationId: null, causationId: null, sagaId: null, metadata: {} });
  });

  it('takes ids, correlation, causation, saga, account, actor and trace from the context of the call', async () => {
    const [correlationId, causationId, sagaId, commandId, account] = Array.from({ length: 5 }, freshId) as [string, ...string[]];
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const context = { correlationId, causationId, sagaId, commandId, account, actor: 'client-1', traceparent } as const;
    const tally = opened().raise(1);
    const { events } = await runInContext(context as never, () => store().saveAggregate(tally));
    expect(events.map(({ id }) => id)).toEqual([0, 1].map((index) => causedEventId(commandId as string, tally.id, index)));
    expect(events[1]).toMatchObject({
      correlationId,
      causationId,
      sagaId,
      metadata: { account, actor: 'client-1', traceparent },
    });
    expect(await store().readEvents(tally.id)).toEqual(events);
  });

  it('saves several aggregates at once, in the order given', async () => {
    const tallies = [opened(), opened().raise(1), opened()];
    const { events } = await store().saveAggregates(tallies);
    const [a, b, c] = tallies.map(({ id }) => id);
    expect(events.map(({ aggregateId }) => aggregateId)).toEqual([a, b, b, c]);
    expect(new Set(events.map(({ time }) => time)).size).toBe(1);
  });
}

function conflicts(store: Get): void {
  it('refuses a decision on an old version, reports expected and found, and stores nothing', async () => {
    const { id } = await saved(store(), opened());
    const [mine, yours] = [await store().loadAggregate(Tally, id), await store().loadAggregate(Tally, id)];
    await store().saveAggregate(yours.raise(1).raise(1));
    const refused = store().saveAggregate(mine.raise(5).raise(5));
    await expect(refused).rejects.toThrow(ConcurrencyException);
    await expect(refused).rejects.toMatchObject({ aggregateId: id, expected: 1, found: 3, kind: 'conflict' });
    expect(mine.uncommittedEvents).toHaveLength(2);
    expect((await store().loadAggregate(Tally, id)).total).toBe(2);
  });

  it('refuses a version that leaves a gap', async () => {
    const target = { type: 'Tally', id: freshId() };
    const part = { ...target, expected: 5, events: store().prepare(target, opened().uncommittedEvents) };
    await expect(store().savePrepared([part])).rejects.toMatchObject({ expected: 5, found: 0 });
    expect(await store().readEvents(target.id)).toEqual([]);
  });

  it('stores all of several aggregates or none', async () => {
    const first = await saved(store(), opened());
    const stale = await store().loadAggregate(Tally, first.id);
    await store().saveAggregate(first.raise(1));
    const other = opened();
    await expect(store().saveAggregates([other, stale.raise(1)])).rejects.toMatchObject({ aggregateId: first.id, found: 2 });
    expect(await store().readEvents(other.id)).toEqual([]);
  });
}

function repeats(store: Get): void {
  const commanded = (commandId: string, tally: Tally) =>
    runInContext({ correlationId: freshId(), commandId }, () => store().saveAggregate(tally));

  it('recognises a repeated command by its ids and returns what is stored, even if another save came since', async () => {
    const commandId = freshId();
    const { id } = await saved(store(), opened());
    const first = await commanded(commandId, (await store().loadAggregate(Tally, id)).raise(1).raise(2));
    await store().saveAggregate((await store().loadAggregate(Tally, id)).raise(10));
    const again = await commanded(commandId, (await store().loadAggregate(Tally, id)).raise(7));
    expect(again).toEqual({ outcome: 'repeated', events: first.events });
    expect((await store().loadAggregate(Tally, id)).total).toBe(13);
  });

  it('recognises a repeated command even if it now changes a further aggregate', async () => {
    const [commandId, tally, other] = [freshId(), opened(), opened()];
    const first = await commanded(commandId, tally);
    const again = await runInContext({ correlationId: freshId(), commandId }, () =>
      store().saveAggregates([new Tally(tally.id).open('me'), other]),
    );
    expect(again).toEqual({ outcome: 'repeated', events: first.events });
    expect(await store().readEvents(other.id)).toEqual([]);
  });

  it('stores a command once when it is sent ten times concurrently', async () => {
    const [commandId, id] = [freshId(), freshId()];
    const saves = await Promise.all(Array.from({ length: 10 }, () => commanded(commandId, new Tally(id).open('me'))));
    expect(saves.map(({ outcome }) => outcome).sort()).toEqual([...Array.from({ length: 9 }, () => 'repeated'), 'stored']);
    expect(new Set(saves.map(({ events }) => JSON.stringify(events[0]?.id))).size).toBe(1);
    expect(await store().readEvents(id)).toHaveLength(1);
  });
}

function asOf(store: Get): void {
  it('shows an aggregate as of a version and as of a time; no time splits a save', async () => {
    const tally = await saved(store(), opened().raise(1));
    const { events } = await store().saveAggregate(tally.raise(2).raise(3));
    const total = async (point: { version: number } | { time: string }) =>
      (await store().loadAggregateAsOf(Tally, tally.id, point)).total;
    expect(await Promise.all([0, 1, 2, 3, 4].map((version) => total({ version })))).toEqual([0, 0, 1, 3, 6]);
    expect(await total({ time: events[0]?.time as string })).toBe(6);
    const [before] = await store().readEvents(tally.id);
    expect(await total({ time: before?.time as string })).toBe(1);
    expect(await total({ time: '2020-01-01T00:00:00Z' })).toBe(0);
  });

  it('lets time rise with each save of an aggregate, however fast', async () => {
    const tally = await saved(store(), opened());
    for (let round = 0; round < 20; round += 1) await store().saveAggregate(tally.raise(1));
    const times = (await store().readEvents(tally.id)).map(({ time }) => time);
    expect(times).toEqual(times.toSorted());
    expect(new Set(times).size).toBe(21);
    for (const time of times) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  });
}

function reading(store: Get): void {
  it('reads a range of versions, up to a limit', async () => {
    const tally = await saved(store(), opened().raise(1).raise(2).raise(3));
    const versions = async (range: object) =>
      (await store().readEvents(tally.id, range)).map(({ aggregateVersion }) => aggregateVersion);
    expect(await versions({ from: 2 })).toEqual([2, 3, 4]);
    expect(await versions({ from: 2, to: 3 })).toEqual([2, 3]);
    expect(await versions({ limit: 1 })).toEqual([1]);
    await expect(store().readEvents(tally.id, { limit: 1001 })).rejects.toThrow(RangeError);
  });

  it('loads and reads a history longer than a page', async () => {
    const tally = await saved(store(), opened());
    for (let round = 0; round < 12; round += 1) {
      for (let each = 0; each < 100; each += 1) tally.raise(1);
      await store().saveAggregate(tally);
    }
    expect(await store().loadAggregate(Tally, tally.id)).toMatchObject({ version: 1201, total: 1200 });
    const versions = async (range: object) => {
      const found: number[] = [];
      for await (const { aggregateVersion } of store().readHistory(tally.id, range)) found.push(aggregateVersion);
      return found;
    };
    expect(await versions({})).toEqual(Array.from({ length: 1201 }, (_, n) => n + 1));
    expect(await versions({ from: 2, to: 1001 })).toEqual(Array.from({ length: 1000 }, (_, n) => n + 2));
    expect(await versions({ from: 1200, to: 5000 })).toEqual([1200, 1201]);
  });

  it('reads everything once, versions in order, in batches, during other writes', async () => {
    const tallies = await Promise.all(Array.from({ length: 5 }, () => saved(store(), opened().raise(1).raise(2))));
    const seen: RecordedEvent[] = [];
    for await (const batch of store().readAll({ batchSize: 7 })) {
      if (seen.length === 0) await store().saveAggregate((tallies[0] as Tally).raise(9));
      expect(batch.length).toBeLessThanOrEqual(7);
      seen.push(...batch);
    }
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    for (const { id } of tallies) {
      const versions = seen.filter(({ aggregateId }) => aggregateId === id).map(({ aggregateVersion }) => aggregateVersion);
      expect(versions).toEqual([1, 2, 3]);
    }
    expect(await all(store().readAll({ types: ['Nothing'] }))).toEqual([]);
    expect((await all(store().readAll({ types: ['Tally'] }))).length).toBe(seen.length + 1);
  });
}

function doors(store: Get): void {
  const unstorable = ['\u0000', 'a\u0000b', '\ud800', 'x\udfffy', '\\\u0000'];
  it.each(unstorable.map((text) => [JSON.stringify(text), text]))('refuses the text %s', async (_, text) => {
    const tally = opened().raise(1, text);
    await expect(store().saveAggregate(tally)).rejects.toThrow(TextNotStorable);
    expect(await store().readEvents(tally.id)).toEqual([]);
  });

  it.each(['\\u0000', '\\\\u0000', '\\ud800', '\u0001\u001f', '😀'])('keeps the harmless text %j', async (text) => {
    const tally = await saved(store(), opened().raise(1, text));
    expect((await store().readEvents(tally.id))[1]?.data).toEqual({ by: 1, note: text });
  });

  it('refuses what is too large: an event, a save in bytes, a save in events', async () => {
    const half = 'x'.repeat(200 * 1024);
    const many = opened();
    for (let each = 0; each < 100; each += 1) many.raise(1);
    const heavy = opened();
    for (let each = 0; each < 6; each += 1) heavy.raise(1, half);
    for (const tally of [opened().raise(1, 'x'.repeat(256 * 1024)), heavy, many]) {
      await expect(store().saveAggregate(tally)).rejects.toThrow(PayloadTooLarge);
      expect(await store().readEvents(tally.id)).toEqual([]);
    }
  });

  it('refuses what only a bug can request: an undeclared type or event, an aggregate twice, an invalid id', async () => {
    class Unknown extends Tally {
      static override readonly type = 'Unknown';
    }
    await expect(store().saveAggregate(new Unknown(freshId()).open('me'))).rejects.toThrow(InvalidSave);
    await expect(store().saveAggregate(new Tally('not-an-id').open('me'))).rejects.toThrow(InvalidSave);
    const id = freshId();
    await expect(store().saveAggregates([new Tally(id).open('a'), new Tally(id).open('b')])).rejects.toThrow(InvalidSave);
  });
}

async function saved(store: EventStore, tally: Tally): Promise<Tally> {
  await store.saveAggregate(tally);
  return tally;
}
