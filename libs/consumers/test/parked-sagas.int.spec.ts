import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import { Errand, errandIdFor } from './errands.ts';
import { until } from './world.ts';

interface Held {
  event_id: string | null;
  reason: string | null;
}

describe('a saga', () => {
  let world: ErrandWorld;
  beforeEach(async () => {
    Errand.mends = false;
    world = await createErrandWorld();
  });
  afterEach(() => world.drop(), 30_000);

  const held = () => world.query<Held>('select event_id, reason from errand_saga.parked_messages order by n');
  const redrive = (jobId: string) =>
    world.query('update errand_saga.parked_messages set redrive = true where saga_id = $1', [errandIdFor(jobId)]);
  const typesOf = async (jobId: string) => (await world.eventsOf(errandIdFor(jobId))).map(({ type }) => type);

  it('that fails is parked: its inputs and its deadlines wait, all others go on', async () => {
    await world.runErrands();
    const jobId = await world.open({ deadlineMs: 300 });
    await until(
      () => typesOf(jobId),
      (types) => types.length === 1,
    );
    await world.nudge(jobId, true); // spoils it, before its deadline
    await until(held, (rows) => rows.length === 1);
    await world.nudge(jobId);
    await until(held, (rows) => rows.length === 2);
    const other = await world.open({ deadlineMs: 300 });
    await until(
      () => typesOf(other),
      (types) => types.length === 2,
    ); // its deadline has passed, and that of the parked one before it
    expect(await typesOf(jobId)).toEqual(['PaymentAsked']);
    expect((await held()).map(({ reason }) => reason)).toEqual(['handler-failed: spoilt', null]);

    Errand.mends = true;
    await redrive(jobId);
    await until(
      () => typesOf(jobId),
      (types) => types.length === 2,
    );
    await world.runPurses();
    await world.ended(jobId, other);
    expect(await held()).toEqual([]);
  }, 60_000);

  it('whose deadline fails is parked, and the deadline is heard when it is redriven', async () => {
    await world.runErrands();
    const [unlucky, stuck] = [await world.open({ amount: 13, deadlineMs: 50 }), await world.open({ amount: 14, deadlineMs: 50 })];
    const rows = await until(held, (found) => found.length === 2);
    expect(rows.map(({ event_id }) => event_id)).toEqual([null, null]);
    expect(rows.map(({ reason }) => reason).sort()).toEqual([
      'handler-failed: unlucky',
      'handler-failed: wake did not move its deadline',
    ]);
    expect([await typesOf(unlucky), await typesOf(stuck)]).toEqual([['PaymentAsked'], ['PaymentAsked']]);
    Errand.mends = true;
    await redrive(unlucky);
    await until(
      () => typesOf(unlucky),
      (types) => types.length === 2,
    );
    await world.runPurses();
    await world.ended(unlucky);
  }, 60_000);

  it('hears nothing twice: not the same event, not an older one, not after its end', async () => {
    await world.runPurses();
    await world.runErrands();
    const jobId = await world.open();
    await world.ended(jobId);
    const all = [...(await world.eventsOf(jobId)), ...(await world.eventsOf(errandIdFor(jobId)))];
    const [opened] = all;
    await world.publish(opened!, opened!);
    await world.nudge(jobId); // heard after the end: means nothing
    await world.ended(await world.open());
    await until(
      () => world.query('select * from errand_saga.open_sagas'),
      (rows) => rows.length === 0,
    );
    expect([...(await world.eventsOf(jobId)).slice(0, 1), ...(await world.eventsOf(errandIdFor(jobId)))]).toEqual(all);
  }, 60_000);

  it('is not begun by an event that does not begin one', async () => {
    await world.runErrands();
    const first = await world.open();
    await until(
      () => typesOf(first),
      (types) => types.length === 1,
    );
    await world.query('delete from errand_saga.open_sagas');
    await world.query(`select errand_saga.begin_again()`); // and the log is read anew: all of it is known
    const next = await world.open();
    await until(
      () => typesOf(next),
      (types) => types.length === 1,
      30_000,
    );
    expect(await typesOf(first)).toEqual(['PaymentAsked']);
  }, 60_000);
});
