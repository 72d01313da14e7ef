import { freshId } from '@tradecore/events';
import { countSql, dueSql } from '../src/process/saga-rows.ts';
import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import { errandIdFor, names } from './errands.ts';
import { until } from './world.ts';

describe('the deadlines of sagas', () => {
  let world: ErrandWorld;
  beforeEach(async () => {
    world = await createErrandWorld();
  });
  afterEach(() => world.drop(), 30_000);

  const stepsOf = async (jobId: string) =>
    (await world.eventsOf(errandIdFor(jobId))).filter(({ type }) => type === 'PaymentRequested');

  it('are handled once with two instances', async () => {
    await Promise.all([world.runErrands(), world.runErrands()]);
    const jobs = await Promise.all(Array.from({ length: 150 }, () => world.open({ deadlineMs: 400 })));
    await until(
      () => world.countOf('PaymentRequested'),
      (count) => count === 300,
      30_000,
    );
    for (const job of jobs) expect((await stepsOf(job)).map(({ data }) => (data as { attempt: number }).attempt)).toEqual([1, 2]);
    await world.runPurses();
    await world.ended(...jobs);
    expect(await world.countOf('PursePaid')).toBe(150);
  }, 60_000);

  it('never fire before the step is sent, nor right after the relay resumes', async () => {
    await world.runPurses();
    await world.runErrands();
    const first = await world.open();
    await world.ended(first);
    world.halt([names.steps]);
    const jobId = await world.open({ deadlineMs: 300 });
    await until(
      () => stepsOf(jobId),
      (steps) => steps.length === 1,
    );
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const [row] = await world.query<{ ahead: boolean }>(
      "select due_at > now() + interval '2 s' as ahead from errand_saga.open_sagas",
    );
    expect(row).toEqual({ ahead: true }); // postponed by 5 s
    world.halt(false);
    await world.ended(jobId);
    expect(await stepsOf(jobId)).toHaveLength(1);
  }, 60_000);

  it('never fire while the other side has the step: the saga waits on without a deadline', async () => {
    await world.runPurses({ pays: false });
    await world.runErrands();
    const jobId = await world.open({ deadlineMs: 300 });
    await until(
      () => world.query<{ due_at: unknown }>('select due_at from errand_saga.open_sagas'),
      ([row]) => row?.due_at === null,
    );
    expect(await stepsOf(jobId)).toHaveLength(1);
    expect(await world.countOf('PaymentRequested')).toBe(1);
    await world.pay();
    await world.ended(jobId);
  }, 60_000);

  it('are handled only after stored events are heard, even when the topic is stalled', async () => {
    await world.runErrands();
    const jobId = await world.open({ deadlineMs: 1500 });
    await until(
      () => stepsOf(jobId),
      (steps) => steps.length === 1,
    );
    world.halt([names.jobs, names.purses]); // the topics that it hears, not the one of its steps
    await world.nudge(jobId);
    await world.nudge(jobId);
    await until(
      () => world.query<{ heard: Record<string, number> }>('select heard from errand_saga.open_sagas'),
      ([row]) => row?.heard[jobId] === 3,
    );
    expect(
      await until(
        () => stepsOf(jobId),
        (steps) => steps.length === 2,
      ),
    ).toHaveLength(2); // the other side has not got the step: asked again
  }, 60_000);

  it('are handled from the store alone: an answer that never arrived by topic ends the saga', async () => {
    await world.runErrands();
    const purseId = freshId();
    const before = await world.open({ purseId, deadlineMs: 60_000 });
    await until(
      () => stepsOf(before),
      (steps) => steps.length === 1,
    );
    // It has heard of this purse once: now its answer gets stuck.
    await world.query(
      `update errand_saga.open_sagas set heard = heard || jsonb_build_object($1::text, 0), due_at = now() + interval '1 s',
      revision = revision + 1`,
      [purseId],
    );
    world.halt([names.purses]);
    const { stop } = await world.runPurses();
    await world.ended(before);
    expect(await stepsOf(before)).toHaveLength(1);
    await stop();
  }, 60_000);

  it('with a spent budget make a saga stuck: counted until the answer arrives', async () => {
    await world.runErrands();
    const [late, patient] = [await world.open({ deadlineMs: 100 }), await world.open()];
    const stuck = async () => (await world.query<{ stuck: number }>(countSql('errand_saga')))[0]?.stuck;
    await until(stuck, (sagas) => sagas === 1, 30_000);
    const rows = await world.query<{ saga_id: string }>('select saga_id from errand_saga.open_sagas where stuck');
    expect(rows).toEqual([{ saga_id: errandIdFor(late) }]);
    await world.runPurses();
    await world.ended(late, patient);
    expect(await stuck()).toBe(0);
  }, 60_000);

  it('that passed while nothing ran are handled at startup', async () => {
    const first = await world.runErrands();
    const jobId = await world.open({ deadlineMs: 100 });
    await until(
      () => stepsOf(jobId),
      (steps) => steps.length === 1,
    );
    await first.stop();
    const before = await stepsOf(jobId);
    await world.runErrands();
    const [, second] = await until(
      () => stepsOf(jobId),
      (steps) => steps.length === 2,
      30_000,
    );
    expect(before.length).toBeLessThanOrEqual(2);
    expect(second).toMatchObject({ sagaId: errandIdFor(jobId), metadata: { account: 'acme' }, causationId: null });
    expect(second?.correlationId).toBe(before[0]?.correlationId);
  }, 60_000);

  it('are picked by an index scan among 100,000, where clock_timestamp() would check each of them', async () => {
    await world.query(
      `insert into errand_saga.open_sagas (saga_id, aggregate_ids, due_at, heard, origin)
       select gen_random_uuid(), '{}', now() + n * interval '1 s', '{}', '{}' from generate_series(1, 100000) n`,
    );
    await world.query(`insert into errand_saga.open_sagas values ($1, '{}', now() - interval '1 s', '{}', '{}')`, [freshId()]);
    const plan = async (sql: string) =>
      (await world.query<{ 'QUERY PLAN': string }>(`explain (analyze, buffers, timing off) ${sql}`)).map(
        (row) => row['QUERY PLAN'],
      );
    // With and without statistics.
    for (const analyze of ['', 'analyze errand_saga.open_sagas']) {
      if (analyze !== '') await world.query(analyze);
      const lines = (await plan(dueSql('errand_saga').replace('$1', '50').replace('$2', '250'))).join('\n');
      expect(lines).toMatch(/Index (Only )?Scan using open_sagas_due/);
      expect(lines).not.toContain('Rows Removed');
    }
    const trap = dueSql('errand_saga')
      .replace('$1', '50')
      .replace('$2', '250')
      .replaceAll('statement_timestamp', 'clock_timestamp');
    expect((await plan(trap)).join('\n')).toMatch(/Rows Removed by Filter: (99\d{3}|100000)/);
  }, 60_000);

  it('are handled in time, with 100,000 others ahead of them', async () => {
    await world.query(
      `insert into errand_saga.open_sagas (saga_id, aggregate_ids, due_at, heard, origin)
       select gen_random_uuid(), '{}', now() + interval '1 h' + n * interval '1 ms', '{}', '{}' from generate_series(1, 100000) n`,
    );
    await world.runErrands();
    const jobs = await Promise.all(Array.from({ length: 100 }, (_, n) => world.open({ deadlineMs: 500 + n * 10 })));
    const late = `select (array_agg(extract(epoch from s."timestamp" - (f.event_data->>'dueAt')::timestamptz)::float8 * 1000)) as ms
      from event_store s join event_store f using (aggregate_id)
      where s.event_type = 'PaymentRequested' and s.aggregate_version = 2 and f.aggregate_version = 1`;
    const [row] = await until(
      () => world.query<{ ms: number[] | null }>(late),
      ([found]) => found?.ms?.length === jobs.length,
      30_000,
    );
    const sorted = (row?.ms ?? []).toSorted((a, b) => a - b);
    expect(sorted[0]).toBeGreaterThanOrEqual(0);
    expect(sorted.at(98)).toBeLessThan(1000); // on a busy machine; bench/saga says how late on a quiet one
  }, 60_000);
});
