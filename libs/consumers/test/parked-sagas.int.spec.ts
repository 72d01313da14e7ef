import { setTimeout } from 'node:timers/promises';
import { freshId, type RecordedEvent } from '@tradecore/events';
import { metricsPage } from '@tradecore/telemetry';
import { createErrandWorld, walletOf, type ErrandWorld } from './errand-world.ts';
import { Errand, errandIdFor, ErrandProcess } from './errands.ts';
import { until } from './world.ts';

interface Parked {
  event_id: string | null;
  reason: string | null;
}

describe('a saga', () => {
  let world: ErrandWorld;
  beforeEach(async () => {
    ErrandProcess.mends = false;
    Errand.breaks = false;
    world = await createErrandWorld();
  });
  afterEach(() => world.drop(), 30_000);

  const parked = () => world.query<Parked>('select event_id, reason from errand_saga.parked_messages order by n');
  const isParked = (count: number) => until(parked, (rows) => rows.length === count, 20_000);
  const redrive = (jobId: string) =>
    world.query('update errand_saga.parked_messages set redrive = true where saga_id = $1', [errandIdFor(jobId)]);
  const typesOf = (jobId: string) => world.typesOf(errandIdFor(jobId));
  const untilTypes = (jobId: string, count: number) =>
    until(
      () => typesOf(jobId),
      (types) => types.length === count,
      30_000,
    );

  it('that fails is parked: its inputs and deadlines wait, all others go on; when redriven, it hears them in order', async () => {
    await world.runErrands();
    const jobId = await world.open({ deadlineMs: 300 });
    await untilTypes(jobId, 1);
    await world.nudge(jobId, { spoil: true }); // before its deadline
    await isParked(1);
    await world.nudge(jobId);
    await isParked(2);
    const other = await world.open({ deadlineMs: 300 });
    await untilTypes(other, 2); // its deadline has passed, and that of the parked one before it
    expect(await typesOf(jobId)).toEqual(['PaymentRequested']);
    expect((await parked()).map(({ reason }) => reason)).toEqual(['handler-failed: spoilt', null]);

    await redrive(jobId); // with the cause not fixed
    await until(
      () => world.query<{ redrive: boolean }>('select redrive from errand_saga.parked_messages'),
      (rows) => rows.every((row) => !row.redrive),
    );
    expect((await parked()).map(({ reason }) => reason)).toEqual(['handler-failed: spoilt', null]);
    ErrandProcess.mends = true;
    await redrive(jobId);
    await untilTypes(jobId, 2);
    expect(await parked()).toEqual([]);
    await world.runPurses();
    await world.ended(jobId, other);
  }, 60_000);

  it('whose deadline fails is parked, and the deadline is handled again when it is redriven', async () => {
    await world.runErrands();
    const [unlucky, stays] = [await world.open({ amount: 13, deadlineMs: 50 }), await world.open({ amount: 14, deadlineMs: 50 })];
    const rows = await isParked(2);
    expect(rows.map(({ event_id }) => event_id)).toEqual([null, null]);
    expect(rows.map(({ reason }) => reason).sort()).toEqual([
      'handler-failed: onDeadline did not move its deadline',
      'handler-failed: unlucky',
    ]);
    expect([await typesOf(unlucky), await typesOf(stays)]).toEqual([['PaymentRequested'], ['PaymentRequested']]);
    ErrandProcess.mends = true;
    await redrive(unlucky);
    await untilTypes(unlucky, 2);
    await world.runPurses();
    await world.ended(unlucky);
  }, 60_000);

  it('whose deadline fails between two aggregates is parked and counted, and the others are handled, and counted once', async () => {
    const figure = async (name: string): Promise<number> =>
      Number(
        (await metricsPage())
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.slice(name.length),
      );
    const failed = () => figure('tradecore_consumer_parked_total{group="errand-saga",reason="handler-failed"}');
    const handled = () => figure('tradecore_saga_timer_lateness_seconds_count{saga="errand-saga"}');
    const first = await world.runErrands();
    const jobs: string[] = [];
    for (const amount of [1, 1, 15, 1, 1]) jobs.push(await world.open({ amount, deadlineMs: 1000 }));
    for (const job of jobs) await untilTypes(job, 1);
    await first.stop();
    await setTimeout(1000); // all are due at once
    const [failedBefore, handledBefore] = [await failed(), await handled()];
    Errand.breaks = true;
    await world.runErrands();
    const [bad] = jobs.splice(2, 1) as [string];
    for (const good of jobs) await untilTypes(good, 2);
    expect(await isParked(1)).toEqual([{ event_id: null, reason: 'handler-failed: half way' }]);
    expect(await until(failed, (count) => count > failedBefore)).toBe(failedBefore + 1);
    expect(await until(handled, (count) => count >= handledBefore + 4)).toBe(handledBefore + 4);
    Errand.breaks = false;
    await redrive(bad);
    await untilTypes(bad, 2);
  }, 60_000);

  it('whose decision fails between two aggregates has stored nothing of it, and has not harmed its neighbours in the batch', async () => {
    const walletId = freshId();
    await world.runErrands();
    const jobId = await world.open({ walletId, amount: 7 });
    await untilTypes(jobId, 1);
    Errand.breaks = true;
    world.halt(true);
    await world.nudge(jobId, { halve: true });
    const others = [await world.open({ walletId }), await world.open({ walletId })];
    world.halt(false);
    for (const other of others) await untilTypes(other, 1);
    expect(await isParked(1)).toMatchObject([{ reason: 'handler-failed: half way' }]);
    expect(await world.typesOf(jobId)).toEqual(['JobOpened', 'JobNudged']);
    expect(await walletOf(world, walletId)).toMatchObject({ held: 9, paid: 0 });
    Errand.breaks = false;
    await redrive(jobId);
    await world.ended(jobId);
    expect(await world.typesOf(jobId)).toEqual(['JobOpened', 'JobNudged', 'JobDone']);
  }, 60_000);

  it('hears nothing twice: not the same event, not an older one, not after its end', async () => {
    await world.runPurses();
    await world.runErrands();
    const jobId = await world.open();
    await world.ended(jobId);
    const all = async () => [...(await world.eventsOf(jobId)), ...(await world.eventsOf(errandIdFor(jobId)))];
    const before = await all();
    const [opened] = before as [RecordedEvent];
    await world.publish(opened, opened);
    await world.query(`select errand_saga.begin_again()`); // and the log is read again: all of it is known
    await world.nudge(jobId); // after the end: irrelevant
    await world.ended(await world.open());
    await until(
      () => world.query('select * from errand_saga.open_sagas'),
      (rows) => rows.length === 0,
    );
    expect((await all()).filter(({ type }) => type !== 'JobNudged')).toEqual(before);
    expect(await world.countOf('WalletHeld')).toBe(2);
    expect(await parked()).toEqual([]);
  }, 60_000);

  it("whose event does not name it is parked under the event's own aggregate, and harms no other", async () => {
    await world.runErrands();
    const jobId = await world.open();
    await untilTypes(jobId, 1);
    const { Job } = await import('./errands.ts');
    const job = await world.desk.loadAggregate(Job, jobId);
    job.walletId = 'nowhere';
    await world.desk.saveAggregate(job.nudge());
    await isParked(1);
    const [row] = await world.query<{ saga_id: string; reason: string }>('select saga_id, reason from errand_saga.parked');
    expect(row).toMatchObject({ saga_id: jobId, reason: 'malformed: it names no wallet' });
    await world.runPurses();
    await world.ended(jobId);
  }, 60_000);
});
