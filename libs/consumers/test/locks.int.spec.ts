import { freshId, type RecordedEvent } from '@tradecore/events';
import { createErrandWorld, walletOf, type ErrandWorld } from './errand-world.ts';
import { errandIdFor, Wallet } from './errands.ts';
import { until } from './world.ts';

describe('a process whose aggregates are locked or changed by others', () => {
  let world: ErrandWorld;
  beforeEach(async () => {
    world = await createErrandWorld(1);
  });
  afterEach(() => world.drop(), 30_000);

  const opened = (jobId: string) =>
    until(
      () => world.typesOf(errandIdFor(jobId)),
      (types) => types.length === 1,
      30_000,
    );

  it('puts back an input whose wallet is locked, parks nothing, and the rest of the partition goes on', async () => {
    await world.runErrands();
    const walletId = freshId();
    await world.desk.saveAggregate(new Wallet(walletId).fill(100));
    await opened(await world.open({ walletId }));
    const [release, holds] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holding = world.database.dataSource.transaction(async (tx) => {
      await tx.query('select from stream_heads where aggregate_id = $1 for update', [walletId]);
      holds.resolve();
      await release.promise;
    });
    await holds.promise;
    world.halt(true);
    const waiting = [await world.open({ walletId }), await world.open({ walletId })];
    const free = [await world.open(), await world.open()];
    world.halt(false);
    for (const job of free) await opened(job);
    expect(await Promise.all(waiting.map((job) => world.typesOf(errandIdFor(job))))).toEqual([[], []]);
    expect(await world.query('select * from errand_saga.parked_messages')).toEqual([]);
    release.resolve();
    await holding;
    for (const job of waiting) await opened(job);
    expect(await walletOf(world, walletId)).toMatchObject({ held: 3 });
  }, 60_000);

  it('decides again, on the new state, when another writer was faster', async () => {
    await world.runErrands();
    const walletId = freshId();
    await world.desk.saveAggregate(new Wallet(walletId).fill(100));
    const jobs: string[] = [];
    for (let n = 0; n < 30; n += 1) {
      const [job] = await Promise.all([
        world.open({ walletId }),
        walletOf(world, walletId).then((wallet) => world.desk.saveAggregate(wallet.fill(1)).catch(() => undefined)),
      ]);
      jobs.push(job);
    }
    for (const job of jobs) await opened(job);
    expect(await walletOf(world, walletId)).toMatchObject({ held: 30 });
  }, 60_000);

  it('hears events missing on the topic from the store, before later ones', async () => {
    await world.runErrands();
    await world.runPurses({ pays: false });
    const jobId = await world.open();
    await opened(jobId);
    await until(
      () => world.query('select from purse_keeper.payments'),
      (rows) => rows.length === 1,
    );
    const { data } = (await world.eventsOf(errandIdFor(jobId)))[0] as RecordedEvent & { data: { target: string } };
    world.halt(true);
    await world.pay(); // version 1 of the purse
    const { Purse } = await import('./errands.ts');
    const { createEventStore } = await import('@tradecore/event-sourcing');
    const { errands } = await import('./errands.ts');
    const dataSource = await world.database.dataSourceFor('purse-keeper');
    const store = createEventStore({ dataSource, catalogue: errands });
    const purse = await store.loadAggregate(Purse, data.target);
    await store.saveAggregate(purse.pay({ amount: 0, jobId, walletId: (data as unknown as { walletId: string }).walletId })); // version 2
    await world.query('delete from event_outbox where event_id = $1', [(await world.eventsOf(data.target))[0]?.id]);
    world.halt(false);
    await world.ended(jobId);
    await store.close();
  }, 60_000);

  it('ignores records that the store does not hold, whatever version they claim', async () => {
    await world.runErrands();
    const jobId = await world.open();
    await opened(jobId);
    const [event] = (await world.eventsOf(jobId)) as [RecordedEvent];
    await world.publish(
      { ...event, id: freshId(), aggregateVersion: 2 },
      { ...event, id: freshId(), aggregateVersion: 2_147_483_647 },
      { ...event, data: { ...event.data, amount: 1000 }, aggregateVersion: 2 },
    );
    const letters = await until(world.deadLetters, (found) => found.length === 3);
    expect(letters.map(({ headers }) => String(headers['dl_reason']))).toEqual(['foreign', 'foreign', 'foreign']);
    await world.nudge(jobId);
    await world.runPurses();
    await world.ended(jobId);
    expect(await world.query('select * from errand_saga.parked_messages')).toEqual([]);
  }, 60_000);

  it('is not held up by such a record ahead of others of the same aggregate: the event it replaced is read from the store', async () => {
    await world.runErrands();
    const jobId = await world.open();
    await opened(jobId);
    world.halt(true);
    await world.nudge(jobId);
    await world.nudge(jobId);
    const [, second, third] = (await world.eventsOf(jobId)) as [RecordedEvent, RecordedEvent, RecordedEvent];
    await world.publish({ ...second, id: freshId() }, third);
    await until(
      () => world.query<{ heard: Record<string, number> }>('select heard from errand_saga.open_sagas'),
      ([row]) => row?.heard[jobId] === 3,
      15_000,
    );
    expect(await world.deadLetters()).toHaveLength(1);
  }, 60_000);
});
