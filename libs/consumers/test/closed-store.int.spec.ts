import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { freshId, type RecordedEvent } from '@tradecore/events';
import { counts } from './counters.ts';
import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import { errandIdFor } from './errands.ts';
import { createWorld, until, type World } from './world.ts';

/** Longer than a consumer needs for a record. */
const aWhileMs = 1_000;
const patience = 60_000;
const open = `update store_identity set closed_at = null, closed_reason = null`;

describe('while the store is closed', () => {
  let worlds: (World | ErrandWorld)[] = [];
  afterEach(async () => {
    await Promise.all(worlds.map((world) => world.drop()));
    worlds = [];
  }, patience);

  it(
    'a projector waits at events that the store may still take back, and passes over those given up',
    async () => {
      const world = await createWorld();
      worlds.push(world);
      const sql = (text: string, parameters?: unknown[]) => world.database.dataSource.query(text, parameters);
      const subscription = await world.run();
      await until(
        () => subscription.status(),
        ({ state }) => state === 'running',
      );
      const [taken, forgotten] = [counts(freshId(), 1, 3), counts(freshId(), 1, 2)];
      await sql(`select close_store('a test')`);
      await world.publish(...taken, ...forgotten);
      await sleep(aWhileMs);
      expect(await world.deadLetters()).toEqual([]);
      expect(await world.rows('tally_projector.checkpoints')).toEqual([]);

      await world.keep(...taken);
      for (const { id, data, aggregateId, aggregateType, aggregateVersion, type, time } of forgotten) {
        const digest = createHash('sha256').update(JSON.stringify(data)).digest();
        await sql("insert into forgotten_events values ($1, $2, '', 0, 0, $3, $4, $5, $6, $7, $8, null, $9)", [
          ...[id, digest, aggregateId, aggregateType, aggregateVersion, type, data, time, 'a test'],
        ]);
      }
      await sql(open);
      await world.caughtUp();
      await world.happen(...counts(freshId(), 1, 1));
      const [stranger] = counts(freshId(), 1, 1);
      await world.publish(stranger as RecordedEvent);
      const letters = await until(world.deadLetters, (found) => found.length > 0);
      expect(letters.map(({ headers }) => String(headers['original_header_ce_id']))).toEqual([stranger?.id]);
      expect(await world.rows('tally_projector.tallies')).toHaveLength(2);
    },
    patience,
  );

  it(
    'a process and its deadlines decide, park and pass over nothing, and go on when it is open',
    async () => {
      const world = await createErrandWorld(1);
      worlds.push(world);
      const overdue = () => world.query('select from errand_saga.open_sagas where due_at < clock_timestamp()');
      await world.runErrands();
      await world.runPurses();
      const late = await world.open({ amount: 0, deadlineMs: 1_500 }); // never paid: its deadline passes
      await until(
        () => world.typesOf(errandIdFor(late)),
        (types) => types.length === 1,
        patience,
      );
      world.halt(true);
      const jobId = await world.open();
      await world.query(`select close_store('a test')`);
      await expect(world.open()).rejects.toMatchObject({ code: 'store-restored', kind: 'busy' });
      const [event] = (await world.eventsOf(late)) as [RecordedEvent];
      await world.publish({ ...event, id: freshId(), aggregateVersion: 2 });
      world.halt(false);
      await sleep(aWhileMs * 2);
      expect(await overdue()).toHaveLength(1);
      expect(await world.typesOf(errandIdFor(jobId))).toEqual([]);
      expect(await world.deadLetters()).toEqual([]);

      await world.query(open);
      await world.ended(jobId);
      await until(overdue, (found) => found.length === 0);
      expect(await until(world.deadLetters, (found) => found.length > 0)).toHaveLength(1);
      expect(await world.query('select from errand_saga.parked_messages')).toEqual([]);
    },
    patience,
  );

  it(
    'a process that was running when its database went back in time decides again what was lost',
    async () => {
      const world = await createErrandWorld(1);
      worlds.push(world);
      const { subscription } = await world.runErrands();
      await until(
        () => subscription.status(),
        ({ state }) => state === 'running',
        patience,
      );
      world.halt(true);
      const errandId = errandIdFor(await world.open());
      await world.query('create table before as table errand_saga.offsets');
      world.halt(false);
      const decided = () =>
        until(
          () => world.typesOf(errandId),
          (types) => types.length === 1,
          patience,
        );
      await decided();
      await world.database.dataSource.transaction(async (tx) => {
        await tx.query('set local session_replication_role = replica');
        await tx.query('delete from errand_saga.open_sagas');
        await tx.query('update errand_saga.offsets o set next_offset = b.next_offset from before b where o.topic = b.topic');
        for (const table of ['event_outbox', 'event_store'])
          await tx.query(
            `delete from ${table} where event_id in (select event_id from event_store where aggregate_type in ('Errand', 'Wallet'))`,
          );
        await tx.query(`delete from stream_heads where aggregate_type in ('Errand', 'Wallet')`);
      });
      expect(await world.typesOf(errandId)).toEqual([]);
      await decided();
    },
    patience,
  );
});
