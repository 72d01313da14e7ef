import { randomBytes } from 'node:crypto';
import { freshId, type RecordedEvent } from '@tradecore/events';
import { encode, type OutgoingMessage } from '@tradecore/messaging';
import { readinessOf, type Subscription } from '@tradecore/consumers';
import fc from 'fast-check';
import { Counted, counts, Ledgers, recorded, Spoilt, topic } from './counters.ts';
import { createWorld, until, type World } from './world.ts';

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));
const encoded = ({ data, ...envelope }: RecordedEvent): OutgoingMessage =>
  encode({ ...envelope, dataText: JSON.stringify(data) });

/** Real servers, shared with other tests. */
const patience = 30_000;

describe('a subscription', () => {
  let world: World;
  afterEach(() => world.drop(), patience);

  const totals = async () => {
    const rows = await world.rows('tally_projector.tallies');
    return rows.map(({ total }) => Number(total)).sort((a, b) => a - b);
  };
  const totalOf = async (id: string) =>
    Number((await world.rows('tally_projector.tallies')).find((row) => row['counter_id'] === id)?.['total']);
  const running = async (subscription: Subscription) => {
    await until(
      () => subscription.status(),
      ({ state }) => state === 'running',
    );
    return subscription;
  };

  it(
    'updates rows as events happen, and commits its progress to the group',
    async () => {
      world = await createWorld();
      const subscription = await world.run();
      await running(subscription);
      await world.happen(...times(5, () => counts(freshId(), 1, 4)).flat());
      await until(totals, (found) => found.join() === '4,4,4,4,4');
      await world.caughtUp();
      expect(readinessOf(subscription).check()).toMatchObject({ ok: true });
      const hinted = async () =>
        [...(await world.test.kafka.committedOffsets('tally-projector', topic)).values()].reduce((sum, each) => sum + each, 0n);
      await until(
        async () => [await hinted(), await world.end()] as const,
        ([found, end]) => found === end && end > 20n,
      );
    },
    patience,
  );

  it(
    'fills gaps, skips duplicates, and sends a foreign record to the dead letters',
    async () => {
      world = await createWorld();
      await running(await world.run());
      const id = freshId();
      const events = counts(id, 1, 6);
      await world.keep(...events);
      await world.publish(events[2]!, events[0]!, recorded(id, 4, new Counted({ amount: '1000' })), events[5]!, ...events);
      await world.caughtUp();
      expect(await totalOf(id)).toBe(6);
      const letters = await world.deadLetters();
      expect(letters).toHaveLength(1);
      expect(String(letters[0]?.key)).toMatch(/^tally-projector\/transport\.counter-events\/\d\/\d$/);
      expect(JSON.parse(String(letters[0]?.value))).toEqual({ amount: '1000' });
    },
    patience,
  );

  it('lets no garbage stop a partition or touch an aggregate that is intact in the store', async () => {
    world = await createWorld();
    const subscription = await world.run();
    await running(subscription);
    const id = freshId();
    const whole = counts(id, 1, 1);
    await world.happen(...whole);
    let version = 1;
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(garbage(whole[0]!), { minLength: 1, maxLength: 12 }), async (records) => {
        version += 1;
        sent += records.length;
        await world.send(...records);
        await world.happen(...counts(id, version, version));
        await until(
          () => totalOf(id),
          (found) => found === version,
        );
      }),
      { numRuns: 25, endOnFailure: true },
    );
    await world.caughtUp();
    expect(subscription.status()).toMatchObject({ state: 'running', reason: undefined });
    expect(await world.rows('tally_projector.checkpoints')).toMatchObject([{ aggregate_id: id, version, parked_version: null }]);
    await until(
      async () => [new Set((await world.deadLetters()).map(({ key }) => String(key))).size, sent], // one may arrive twice under its key
      ([found]) => found === sent,
    );
  }, 60_000);

  it(
    'handles a value just under the size limit like any other',
    async () => {
      world = await createWorld();
      await running(await world.run());
      const big = encoded(recorded(freshId(), 1, new Counted({ amount: 'x'.repeat(900_000) })));
      const id = freshId();
      await world.send(big);
      await world.happen(...counts(id, 1, 1));
      await until(
        () => totalOf(id),
        (found) => found === 1,
      );
      const [letter] = await until(world.deadLetters, (found) => found.length === 1);
      expect(letter?.value?.equals(Buffer.from(String(big.value)))).toBe(true); // Jest would compare byte by byte, for 15 s
    },
    patience,
  );

  it(
    "parks an aggregate whose own event it can't fold, and one whose row PostgreSQL refuses; all others go on",
    async () => {
      world = await createWorld();
      const subscription = await running(await world.run());
      const [spoilt, refused, fine] = [freshId(), freshId(), freshId()];
      await world.happen(
        ...[recorded(spoilt, 1, new Spoilt({ why: 'water' })), ...counts(spoilt, 2, 3)],
        ...[...counts(refused, 1, 1), recorded(refused, 2, new Counted({ amount: '99999999999' })), ...counts(refused, 3, 3)],
        ...counts(fine, 1, 3),
      );
      await until(
        () => totalOf(fine),
        (found) => found === 3,
      );
      await world.caughtUp();
      expect(await world.rows('tally_projector.parked')).toHaveLength(2);
      expect(await world.checkpoint('tally_projector', spoilt)).toMatchObject({ version: 0, parked_version: 1 });
      expect(await world.checkpoint('tally_projector', refused)).toMatchObject({ version: 1, parked_version: 2 });
      expect(subscription.status().state).toBe('running');
      expect(await world.deadLetters()).toHaveLength(0);
    },
    patience,
  );

  it(
    'stops where its model and the store disagree, says so, and resumes when an operator has fixed it',
    async () => {
      world = await createWorld();
      const subscription = await world.run();
      await running(subscription);
      const id = freshId();
      await world.happen(...counts(id, 1, 2));
      await until(
        () => totalOf(id),
        (found) => found === 2,
      );
      const [checkpoint] = await world.database.dataSource.query(`select event_id from tally_projector.checkpoints`);
      const setCheckpoint = (eventId: string) =>
        world.database.dataSource.query(`update tally_projector.checkpoints set event_id = $1`, [eventId]);
      await setCheckpoint(freshId());
      const [, , three, four] = counts(id, 1, 4) as [RecordedEvent, RecordedEvent, RecordedEvent, RecordedEvent];
      await world.keep(three, four);
      await world.publish(four);
      await until(
        () => subscription.status(),
        ({ state, reason }) => state === 'stopped' && (reason ?? '').includes(id),
      );
      expect(readinessOf(subscription).check()).toMatchObject({ ok: false, state: expect.stringContaining('the model holds') });
      expect(await totalOf(id)).toBe(2);
      await setCheckpoint((checkpoint as { event_id: string }).event_id);
      await world.parts.dataSource.query('select tally_projector.resume()');
      await until(
        () => totalOf(id),
        (found) => found === 4,
      );
      expect(subscription.status().state).toBe('running');
    },
    patience,
  );

  it(
    'drains: the batch in flight is finished and its offset written, nothing new is started',
    async () => {
      world = await createWorld(Ledgers, 'ledger-projector', 1);
      const { entered, release, gate } = gateAt(1);
      const subscription = await running(await world.run(gate));
      await world.happen(...counts(freshId(), 1, 30));
      await entered;
      const stopped = subscription.stop();
      release();
      await stopped;
      const entries = await world.rows('ledger_projector.entries');
      expect(entries.length).toBeGreaterThan(0);
      expect(subscription.status().state).toBe('closed');
      const at = await world.offset();
      await world.run();
      await world.caughtUp();
      expect(await world.offset()).toBeGreaterThanOrEqual(at);
      expect(await world.rows('ledger_projector.entries')).toHaveLength(30);
    },
    patience,
  );
});

/** Holds the `n`-th batch inside its transaction until `release`. */
function gateAt(n: number) {
  const entered = Promise.withResolvers<undefined>();
  const released = Promise.withResolvers<undefined>();
  let batches = 0;
  const gate: NonNullable<Parameters<World['run']>[0]> = (work) =>
    Object.assign(Object.create(work) as typeof work, {
      open: async () => work.open?.(),
      handle: (batch: Parameters<typeof work.handle>[0]) =>
        work.handle({
          ...batch,
          moveOffsets: async (tx) => {
            await batch.moveOffsets(tx);
            batches += 1;
            if (batches === n) {
              entered.resolve(undefined);
              await released.promise;
            }
          },
        }),
    });
  return { entered: entered.promise, release: () => released.resolve(undefined), gate };
}

/** Records that are not events, or not events of the store, around one that is. */
function garbage(own: RecordedEvent): fc.Arbitrary<OutgoingMessage> {
  const good = encoded(own);
  const header = fc.constantFrom('specversion', 'id', 'source', 'subject', 'time', 'aggregateversion', 'schemaversion');
  const changed = (changes: Partial<RecordedEvent>) => encoded({ ...own, ...changes });
  return fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ ...good, value: Buffer.from(bytes) })),
    fc.json().map((json) => ({ ...good, value: json, headers: { ...good.headers, ce_id: freshId() } })),
    fc.tuple(header, fc.string()).map(([name, text]) => ({ ...good, headers: { ...good.headers, [`ce_${name}`]: `!${text}` } })),
    fc.record({
      key: fc.string(),
      value: fc.string({ unit: 'binary' }),
      headers: fc.dictionary(fc.string({ minLength: 1 }), fc.string()),
    }),
    fc.constant({ ...good, value: null }),
    fc.integer({ min: 2, max: 2_147_483_647 }).map((aggregateVersion) => changed({ aggregateVersion, id: freshId() })),
    fc.nat().map(() => changed({ aggregateId: freshId() })),
    fc
      .string({ minLength: 1, maxLength: 100 })
      .map((type) => changed({ type: `x${type.toWellFormed().replaceAll('\0', '')}`, id: freshId() })),
    fc.integer({ min: 2, max: 1000 }).map((schemaVersion) => changed({ schemaVersion, id: freshId() })),
    fc.constantFrom('Order', 'constructor', '__proto__').map((aggregateType) => changed({ aggregateType, id: freshId() })),
    fc.nat(2000).map((depth) => ({ ...good, value: '['.repeat(depth) + randomBytes(4).toString('hex') })),
  );
}
