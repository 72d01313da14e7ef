import fc from 'fast-check';
import {
  bucketAgrees,
  bucketAt,
  Buckets,
  digestOf,
  type Bucket,
  type ComparedEvent,
  type RecordPlace,
} from '../src/topics/buckets.ts';
import { DeliveryOrder } from '../src/topics/delivery-order.ts';
import { digested, topicFaultsOf, type TopicFault } from '../src/topics/topic-faults.ts';

const topic = 'transport.order-events';
const partitions = 3;
const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

/** Histories of a few aggregates over a minute and a half: versions without gaps, rising times. */
const history = fc
  .array(fc.record({ aggregate: fc.nat(5), afterMs: fc.nat(9_000), value: fc.string({ maxLength: 8 }) }), {
    minLength: 2,
    maxLength: 30,
  })
  .map((facts) => {
    const versions = new Map<number, number>();
    let time = Date.parse('2026-01-02T03:04:05Z');
    return facts.map(({ aggregate, afterMs, value }, n): ComparedEvent => {
      const aggregateVersion = (versions.get(aggregate) ?? 0) + 1;
      versions.set(aggregate, aggregateVersion);
      time += afterMs;
      const [id, aggregateId] = [uuid(n + 1), uuid(10_000 + aggregate)];
      return { id, aggregateId, aggregateVersion, type: 'Happened', value, time: new Date(time).toISOString() };
    });
  });

const partitionOf = ({ aggregateId }: ComparedEvent): number => Number.parseInt(aggregateId.slice(-4), 16) % partitions;

/** Which side reads next, and how much. */
const reading = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 5 })), { maxLength: 40 });

interface Audited {
  readonly store: readonly ComparedEvent[];
  /** In the order of the topic. */
  readonly records: readonly ComparedEvent[];
  readonly reads: readonly (readonly [isStore: boolean, count: number])[];
}

/** Reads both sides in turns, compares, and reads the differences by id. */
function audit({ store, records, reads }: Audited): TopicFault[] {
  const buckets = new Buckets();
  const order = new DeliveryOrder();
  const seen = records.map((event, offset) => ({ event, partition: partitionOf(event), offset: BigInt(offset) }));
  const stored = store.map((event, n) => ({ ...event, position: BigInt(n + 1) }));
  const [storeLeft, seenLeft] = [[...stored], [...seen]];
  const faults: TopicFault[] = [];
  for (const [isStore, count] of [...reads, [true, store.length], [false, records.length]] as const) {
    const reading = { now: 0, after: BigInt(stored.length - storeLeft.length) };
    if (isStore) for (const event of storeLeft.splice(0, count)) buckets.addStored(topic, event, reading);
    else {
      for (const { event, ...place } of seenLeft.splice(0, count)) {
        const isLate = order.isLate(`${place.partition}`, event.aggregateId, event.aggregateVersion);
        buckets.addSeen(topic, event, { ...place, isLate, ...reading });
      }
    }
    // What agrees is compared as soon as both sides have read equally far: the rest of its ten seconds comes later.
    const isEven = storeLeft.length === seenLeft.length;
    const compared = isEven ? buckets.unchangedSince(0).filter((bucket) => bucketAgrees(bucket)) : [];
    for (const bucket of compared) buckets.close(bucket);
  }
  for (const bucket of buckets.unchangedSince(0)) if (!bucketAgrees(bucket)) faults.push(...faultsIn(bucket, stored, seen));
  return faults;
}

interface Seen extends RecordPlace {
  readonly event: ComparedEvent;
}

/** Read by id: what this bucket alone has to answer for. */
function faultsIn(
  { at, after, ranges, disordered }: Bucket,
  stored: readonly (ComparedEvent & { readonly position: bigint })[],
  seen: readonly Seen[],
): TopicFault[] {
  const before = stored.filter(({ position }) => position <= after);
  return topicFaultsOf({
    stored: stored.filter(({ time, position }) => bucketAt(time) === at && position > after).map(digested),
    seen: seen
      .filter(({ event, partition, offset }) => {
        const [first, last] = ranges.get(partition) ?? [1n, 0n];
        return bucketAt(event.time) === at && offset >= first && offset <= last;
      })
      .map(({ event, ...place }) => ({ ...digested(event), ...place })),
    alsoStored: before.map(digested),
    seenBefore: new Set(before.map(({ id }) => id)),
    disordered,
  });
}

const named = (faults: readonly TopicFault[]): string[] => faults.map(({ kind, id }) => `${kind} ${id}`);
const planted = (plant: (audited: Audited, at: number) => readonly [Audited, string]) =>
  fc.assert(
    fc.property(history, reading, fc.nat(), (store, reads, n) => {
      const [audited, expected] = plant({ store, records: store, reads }, n % store.length);
      expect(named(audit(audited))).toEqual(expected === '' ? [] : [expected]);
    }),
  );
const at = (store: readonly ComparedEvent[], n: number): ComparedEvent => store[n] as ComparedEvent;

describe('store and topic by buckets', () => {
  it('agree in a healthy history, whatever portions each side is read in', () => {
    fc.assert(fc.property(history, reading, (store, reads) => expect(audit({ store, records: store, reads })).toEqual([])));
  });

  it('agree whatever the order between aggregates: only the order within one is promised', () => {
    fc.assert(
      fc.property(history, reading, (store, reads) => {
        const records = store.toSorted((one, other) =>
          one.aggregateId < other.aggregateId ? -1 : Number(one.aggregateId > other.aggregateId),
        );
        expect(audit({ store, records, reads })).toEqual([]);
      }),
    );
  });

  it('name a record that is lost', () =>
    planted((audited, n) => [{ ...audited, records: audited.records.toSpliced(n, 1) }, `lost ${at(audited.store, n).id}`]));

  it('name a record that appears two or three times', () =>
    planted((audited, n) => {
      const record = at(audited.store, n);
      const copies = Array<ComparedEvent>(1 + (n % 2)).fill(record);
      return [{ ...audited, records: [...audited.records, ...copies] }, `twice ${record.id}`];
    }));

  it('name a copy, and nothing else, that comes after its ten seconds were compared', () =>
    planted((audited, n) => {
      const record = at(audited.store, n);
      const all = audited.store.length;
      return [
        { ...audited, records: [...audited.records, record], reads: [[true, all] as const, [false, all] as const] },
        `twice ${record.id}`,
      ];
    }));

  it.each(['value', 'type', 'aggregateId', 'aggregateVersion'] as const)('name an event whose %s was changed', (field) =>
    planted((audited, n) => {
      const event = at(audited.store, n);
      const other = { value: `${String(event.value)}.`, type: 'Other', aggregateId: uuid(99_999), aggregateVersion: 9_999 }[
        field
      ];
      return [{ ...audited, store: audited.store.with(n, { ...event, [field]: other }) }, `changed ${event.id}`];
    }),
  );

  it('name a record that the store does not hold', () =>
    planted((audited, n) => {
      const foreign = { ...at(audited.store, n), id: uuid(77_777), aggregateId: uuid(88_888) };
      return [{ ...audited, records: audited.records.toSpliced(n, 0, foreign) }, `foreign ${foreign.id}`];
    }));

  it('name the earlier of two swapped records of an aggregate', () =>
    planted((audited, n) => {
      const event = at(audited.store, n);
      const next = audited.store.findIndex(
        ({ aggregateId, aggregateVersion }) =>
          aggregateId === event.aggregateId && aggregateVersion === event.aggregateVersion + 1,
      );
      if (next < 0) return [audited, ''];
      const records = audited.records.with(n, at(audited.store, next)).with(next, event);
      return [{ ...audited, records }, `out-of-order ${event.id}`];
    }));

  it('are not fooled by two faults that cancel each other: a changed pair keeps its count', () => {
    fc.assert(
      fc.property(history, reading, (store, reads) => {
        const records = store.map((event, n) => (n < 2 ? { ...event, value: String(at(store, 1 - n).value) } : event));
        const isSame = at(store, 0).value === at(store, 1).value;
        expect(named(audit({ store, records, reads }))).toEqual(isSame ? [] : [0, 1].map((n) => `changed ${at(store, n).id}`));
      }),
    );
  });

  const event = {
    id: uuid(1),
    aggregateId: uuid(2),
    aggregateVersion: 1,
    type: 'Happened',
    value: '',
    time: '2026-01-02T03:04:05Z',
  };

  it('have a sum in which copies do not cancel each other', () => {
    const buckets = new Buckets();
    for (let copy = 0; copy < 3; copy += 1) buckets.addStored(topic, event, { now: 0, after: 0n });
    const [bucket] = buckets.unchangedSince(0);
    expect(bucket?.stored).toEqual({ count: 3, sum: BigInt.asUintN(64, 3n * digestOf(event)) });
  });

  it('do not miss buckets that stay open between changes', () => {
    const buckets = new Buckets();
    buckets.addStored(topic, event, { now: 5, after: 0n });
    expect(buckets.unchangedSince(4)).toEqual([]);
    const [bucket] = buckets.unchangedSince(5);
    expect(buckets.takeChanges()).toEqual({ changed: [bucket], closed: [] });
    if (bucket) buckets.close(bucket);
    expect(buckets.takeChanges()).toEqual({ changed: [], closed: [{ topic, at: bucketAt(event.time) }] });
    expect(buckets.takeChanges()).toEqual({ changed: [], closed: [] });
  });
});

describe('the order of delivery', () => {
  it('forgets the least recently seen aggregates', () => {
    const order = new DeliveryOrder(2);
    for (const [n, aggregate] of ['a', 'b', 'a', 'c'].entries()) order.isLate('0', aggregate, n + 1);
    expect(order.isLate('0', 'a', 3)).toBe(true);
    expect(order.isLate('0', 'b', 1)).toBe(false);
  });
});
