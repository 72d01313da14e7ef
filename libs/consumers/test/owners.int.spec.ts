import { freshId } from '@tradecore/events';
import { OffsetLost, ProjectionStopped, ProjectorBatches, ProjectionBusy, type BatchProcessor } from '@tradecore/consumers';
import kafkajs from 'kafkajs';
import { ChunkRunner } from '../src/offsets/chunk-runner.ts';
import { Offsets } from '../src/offsets/offsets.ts';
import { redrive } from '../src/testing.ts';
import { counters, counts, DoubledTallies, Ledgers, Tallies, topic } from './counters.ts';
import { createWorld, until, type World } from './world.ts';

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));
const change = (work: BatchProcessor, changes: Partial<BatchProcessor>): BatchProcessor =>
  Object.assign(Object.create(work) as BatchProcessor, { open: async () => work.open?.() }, changes);

/** Real servers, shared with other tests. */
const patience = 30_000;

describe('projectors and the owners of their offsets', () => {
  let world: World;
  afterEach(() => world.drop(), patience);

  const tallied = async () => (await world.rows('tally_projector.tallies')).reduce((sum, { total }) => sum + Number(total), 0);
  const entries = () => world.rows('ledger_projector.entries');
  const expectEachOnce = async (count: number) => {
    const found = await entries();
    expect(found.map(({ sequence }) => Number(sequence)).sort((a, b) => a - b)).toEqual(times(count, (n) => n + 1));
    expect(new Set(found.map((row) => row['event_id'])).size).toBe(count);
  };
  const admin = async <T>(use: (admin: kafkajs.Admin, name: string) => Promise<T>): Promise<T> => {
    const client = new kafkajs.Kafka({ brokers: [...world.test.brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
    await client.connect();
    return use(client, `${world.test.namespace}.${topic}`).finally(() => client.disconnect());
  };

  it(
    'store the offsets of irrelevant records together; one that was lost holds up no other',
    async () => {
      world = await createWorld();
      const state = { schema: 'tally_projector', topics: [topic], state: 'projection', version: 1 } as const;
      const offsets = new Offsets(state);
      const log = { name: 'log', topicIds: new Map() };
      const partitions = times(4, (partition) => ({ topic, partition, startOffset: 0n, endOffset: 10n }));
      await world.dataSource.transaction((tx) => offsets.replace(tx, [{ topic, partition: 0, next: 0n, mark: '-' }], log));
      const claim = (assigned: typeof partitions, owner: string) =>
        world.dataSource.transaction((tx) => offsets.claim(tx, assigned, { owner, log }));
      const [owner, other] = [freshId(), freshId()];
      const claimed = await claim(partitions, owner);
      if (claimed.state !== 'claimed') throw new Error(claimed.state);
      const { dataSource, test } = world;
      const processor = { name: 'tally-projector', maxRecords: 50 } as BatchProcessor;
      const runner = new ChunkRunner(processor, { dataSource, kafka: test.kafka, offsets, owner, reached: () => undefined });
      runner.claimed(claimed.offsets, log.topicIds);
      const passOver = async (to: bigint): Promise<void> => {
        for (const { partition } of partitions)
          await runner.finish(
            { topic, partition, to, last: undefined, records: [], deadLetters: [] },
            AbortSignal.timeout(patience),
          );
        await runner.flush();
      };
      const stored = async () =>
        (await dataSource.query(
          'select next_offset::text as next, xmin::text as writer from tally_projector.offsets order by partition',
        )) as { next: string; writer: string }[];
      await passOver(3n);
      const together = await stored();
      expect(together.map(({ next }) => next)).toEqual(['3', '3', '3', '3']);
      expect(new Set(together.map(({ writer }) => writer)).size).toBe(1);
      await claim(partitions.slice(1, 2), other);
      await passOver(5n);
      expect((await stored()).map(({ next }) => next)).toEqual(['5', '3', '5', '5']);
    },
    patience,
  );

  it(
    'have one owner: an instance that does not find what it wrote writes nothing',
    async () => {
      world = await createWorld();
      const offsets = new Offsets({ schema: 'tally_projector', topics: [topic], state: 'projection', version: 1 });
      const log = (name: string) => ({ name, topicIds: new Map() });
      const partition = { topic, partition: 0, startOffset: 0n, endOffset: 10n };
      await world.dataSource.transaction((tx) => offsets.replace(tx, [{ topic, partition: 0, next: 5n, mark: '-' }], log('log')));
      const [first, second] = [freshId(), freshId()];
      const claim = (owner: string, name = 'log') =>
        world.dataSource.transaction((tx) => offsets.claim(tx, [partition], { owner, log: log(name) }));
      const lock = (owner: string, expected: bigint) =>
        world.dataSource.transaction((tx) => offsets.advance(tx, [{ ...partition, from: expected, to: expected }], owner));
      expect(await claim(first)).toMatchObject({ state: 'claimed', offsets: new Map([[`${topic}/0`, 5n]]) });
      await expect(lock(first, 5n)).resolves.toBeUndefined();
      await claim(second);
      await expect(lock(first, 5n)).rejects.toThrow(OffsetLost);
      await expect(lock(second, 4n)).rejects.toThrow(OffsetLost);
      await world.dataSource.transaction(async (tx) => {
        await offsets.advance(tx, [{ ...partition, from: 5n, to: 5n }], second);
        await expect(lock(second, 5n)).rejects.toThrow('locked by another transaction');
      });
      expect(await claim(first, 'another')).toEqual({ state: 'unusable', why: 'other-log', where: 'another' });
      await world.dataSource.transaction((tx) => offsets.stop(tx, 'for a reason'));
      await expect(lock(second, 5n)).rejects.toThrow(ProjectionStopped);
      expect(await claim(second)).toEqual({ state: 'stopped', reason: 'for a reason' });
    },
    patience,
  );

  it(
    'fold each event once while two owners fight over every partition',
    async () => {
      world = await createWorld(Ledgers, 'ledger-projector', 2);
      await world.run();
      await world.run((work) => change(work, { name: 'zombie' }));
      for (let n = 0; n < 10; n += 1) await world.happen(...times(4, () => counts(freshId(), 1, 5)).flat());
      await world.caughtUp();
      await expectEachOnce(200);
    },
    patience,
  );

  it(
    'fold each event once through a rebalance in the middle of a batch',
    async () => {
      world = await createWorld(Ledgers, 'ledger-projector', 2);
      const entered = Promise.withResolvers<undefined>();
      const release = Promise.withResolvers<undefined>();
      const first = await world.run((work) =>
        change(work, {
          handle: (batch) =>
            work.handle({
              ...batch,
              moveOffsets: async (tx) => {
                await batch.moveOffsets(tx);
                entered.resolve(undefined);
                await release.promise;
              },
            }),
        }),
      );
      await until(
        () => first.status().state,
        (state) => state === 'running',
      );
      await world.happen(...times(10, () => counts(freshId(), 1, 5)).flat());
      await entered.promise;
      const second = await world.run();
      await until(
        () => first.status().consumer?.state,
        (state) => state === 'rebalancing',
        5000,
      ).catch(() => undefined); // kafkajs may report it only after the batch
      release.resolve(undefined);
      await world.happen(...times(10, () => counts(freshId(), 1, 5)).flat());
      await world.caughtUp();
      await until(
        () => [first, second].map((each) => each.status().consumer?.assignment.length ?? 0),
        (shares) => shares.every((share) => share === 1),
      );
      await world.happen(...counts(freshId(), 1, 5));
      await world.caughtUp();
      await expectEachOnce(105);
    },
    patience,
  );

  it(
    'are built from the store while events arrive: one builds, the others wait, nothing is lost or doubled',
    async () => {
      world = await createWorld(Ledgers, 'ledger-projector', 3);
      await world.keep(...times(40, () => counts(freshId(), 1, 50)).flat());
      let built = 0;
      const counting = (work: BatchProcessor) =>
        change(work, {
          build: async (...parameters) => {
            const done = await work.build(...parameters);
            if (done) built += 1;
            return done;
          },
        });
      const starting = Promise.all(times(3, () => world.run(counting)));
      for (let n = 0; n < 10; n += 1) await world.happen(...times(5, () => counts(freshId(), 1, 2)).flat());
      await starting;
      await until(entries, (found) => found.length === 2100);
      await world.caughtUp();
      await expectEachOnce(2100);
      expect(built).toBe(1);
    },
    patience,
  );

  it(
    'are rebuilt when the log has lost unread records, or is a different log; a new partition starts at 0',
    async () => {
      world = await createWorld(Tallies, 'tally-projector', 1);
      const first = await world.run();
      await world.happen(...counts(freshId(), 1, 10));
      await until(tallied, (sum) => sum === 10);
      await first.stop();

      await world.happen(...counts(freshId(), 1, 10));
      await admin(async (client, name) => {
        const [{ high } = { high: '0' }] = await client.fetchTopicOffsets(name);
        await client.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: high }] });
      });
      const second = await world.run();
      await until(tallied, (sum) => sum === 20);
      await second.stop();

      await world.keep(...counts(freshId(), 1, 5));
      await world.database.dataSource.query(`update tally_projector.projection set log = 'elsewhere/'`);
      const third = await world.run();
      await until(tallied, (sum) => sum === 25);
      await third.stop();

      const builtAt = () => world.database.dataSource.query('select built_at from tally_projector.projection');
      const before = await builtAt();
      await admin((client, name) => client.createPartitions({ topicPartitions: [{ topic: name, count: 4 }] }));
      await world.happen(...times(20, () => counts(freshId(), 1, 1)).flat());
      await world.run();
      await until(tallied, (sum) => sum === 45);
      const fresh = await world.database.dataSource.query('select 1 from tally_projector.offsets where partition > 0');
      expect(await builtAt()).toEqual(before);
      expect(fresh).toHaveLength(3);
    },
    patience,
  );

  it(
    'are rebuilt on request, under a new epoch; a redrive does not wait for a builder',
    async () => {
      world = await createWorld(Ledgers, 'ledger-projector', 1);
      const epoch = async () => (await world.rows('ledger_projector.projection'))[0]?.['epoch'];
      const id = freshId();
      await world.happen(...counts(id, 1, 10));
      await world.run();
      await until(entries, (found) => found.length === 10);
      const before = await epoch();
      await world.database.dataSource.query(`delete from ledger_projector.entries where sequence = 3`);
      await world.parts.dataSource.query('select ledger_projector.rebuild()');
      await until(epoch, (found) => found !== before);
      await expectEachOnce(10);
      await world.happen(...counts(id, 11, 12));
      await world.caughtUp();
      await expectEachOnce(12);
      await world.dataSource.transaction(async (tx) => {
        await tx.query('select from ledger_projector.projection for update');
        await expect(redrive(Ledgers, id, world.parts)).rejects.toThrow(ProjectionBusy);
      });
    },
    patience,
  );

  it(
    'of a newer version that runs alongside are left alone, until an operator asks for a rebuild by the older one',
    async () => {
      world = await createWorld(Tallies, 'tally-projector', 2);
      const older = await world.run();
      await world.happen(...counts(freshId(), 1, 10));
      await until(tallied, (sum) => sum === 10);
      const newer = await world.run(() => {
        const doubled = new ProjectorBatches(DoubledTallies, { ...world.parts, catalogue: counters, kafka: world.test.kafka });
        return change(doubled, { name: 'newer' }); // a group of its own: both get every partition
      });
      await until(tallied, (sum) => sum === 20);
      const [parked] = counts(freshId(), 1, 1);
      await world.happen(...times(5, () => counts(freshId(), 1, 2)).flat(), parked!);
      await until(older.status.bind(older), ({ reason }) => reason === 'the rows are of version 2, this build folds version 1');
      await until(tallied, (sum) => sum === 42);
      expect([older.status().state, newer.status().state]).toEqual(['outdated', 'running']);
      await expect(redrive(Tallies, parked!.aggregateId, world.parts)).rejects.toThrow('of version 2');

      await newer.stop();
      await world.happen(...counts(freshId(), 1, 3));
      await world.parts.dataSource.query('select tally_projector.rebuild()'); // the release was rolled back
      await until(tallied, (sum) => sum === 24);
      await until(
        () => older.status().state,
        (state) => state === 'running',
      );
    },
    patience,
  );
});
