import { freshId, type RecordedEvent } from '@tradecore/events';
import { createEventStore, type PostgresEventStore } from '@tradecore/event-sourcing';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { IntakeBatches, ProjectorBatches, RunningProcess, type BatchProcessor } from '@tradecore/consumers';
import type { DataSource } from 'typeorm';
import { counters, counts, recorded, Spoilt, Tallies } from './counters.ts';
import { openBench, type Bench } from './database.ts';
import { errandIdFor, ErrandProcess, errands, Job, migrations, names, Payments, type PaymentRequested } from './errands.ts';

/** Runs below the log: no offset is moved, and no broker is asked. */
const kafka = undefined as never;
const message = { topic: '', partition: 0, offset: 0n, timestamp: 0, key: null, value: null, headers: {} };
const handle = (work: BatchProcessor, events: readonly RecordedEvent[], isolated = false): Promise<void> =>
  work.handle({
    records: events.map((event) => ({ event, message })),
    isolated,
    moveOffsets: () => Promise.resolve(),
    move: { count: 0, ctes: () => 'moved as (select 1 where false)', parameters: [] },
    deadLetter: () => Promise.resolve(),
  });

interface Parked {
  saga_id: string;
  reason: string | null;
  release: string;
  redrive: boolean;
}

describe('a parked message', () => {
  let database: TestDatabase;
  const stores: PostgresEventStore[] = [];
  const open = async (
    service: string,
  ): Promise<{ dataSource: DataSource; store: PostgresEventStore; catalogue: typeof errands }> => {
    const dataSource = await database.dataSourceFor(service);
    const store = createEventStore({ dataSource, catalogue: errands });
    stores.push(store);
    return { dataSource, store, catalogue: errands };
  };
  const query = <T>(sql: string, parameters?: unknown[]) => database.dataSource.query(sql, parameters) as Promise<T[]>;
  beforeEach(async () => {
    ErrandProcess.mends = false;
    database = await createTestDatabase({ catalogue: errands, migrations });
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((each) => each.close()));
    await database.drop();
  });

  /** Stored steps of one saga for one purse; the first is refused while the constraint exists. */
  async function steps(count: number, store: PostgresEventStore): Promise<RecordedEvent[]> {
    const [sagaId, target] = [freshId(), freshId()];
    const events = Array.from({ length: count }, (_, n) => ({
      id: freshId(),
      type: 'PaymentRequested',
      data: {
        target,
        commandId: freshId(),
        attempt: 1,
        amount: n === 0 ? 666 : 1,
        dueAt: '2026-01-01T00:00:00Z',
        jobId: '',
        walletId: '',
      },
    })) satisfies { data: PaymentRequested['data'] }[];
    await query(
      `insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", metadata,
         schema_version, position, hash)
       select id, $2, 'Errand', ordinality, type, data, now(), '{}', 1, nextval('event_position'), ''
         from rows from (jsonb_to_recordset($1::jsonb) as (id uuid, type text, data jsonb)) with ordinality`,
      [JSON.stringify(events), sagaId],
    );
    return store.readEvents(sagaId);
  }
  const intakeOf = (parts: Awaited<ReturnType<typeof open>>, release?: string) =>
    new IntakeBatches({ ...parts, kafka, release, intake: new Payments(), name: 'purse-keeper', topics: [names.steps] });
  const parkedOf = (schema: string) =>
    query<Parked>(`select saga_id, reason, release, redrive from ${schema}.parked_messages order by n`);
  const cure = () => query('alter table purse_keeper.payments drop constraint payments_data_check');

  it('is handled once and in the order of its pair, even when several replicas redrive it at the same moment', async () => {
    const parts = await open('purse-keeper');
    const [first, ...others] = [1, 2, 3].map(() => intakeOf(parts)) as [IntakeBatches, IntakeBatches];
    const held = await steps(30, parts.store);
    await handle(first, held.slice(0, 1), true);
    await handle(first, held.slice(1));
    expect(await parkedOf('purse_keeper')).toHaveLength(30);
    await cure();
    await query('update purse_keeper.parked_messages set redrive = true');
    while ((await parkedOf('purse_keeper')).length > 0) await Promise.all([first, ...others].map((each) => each.poll()));
    const paid = await query<{ step_id: string }>('select step_id from purse_keeper.payments order by n');
    expect(paid.map(({ step_id }) => step_id)).toEqual(held.map(({ id }) => id));
  });

  it('of an older release is retried by a newer one automatically; one of a newer release is left alone by an older one', async () => {
    const parts = await open('purse-keeper');
    const [older, same, newer] = ['1.9.0', '1.10.0-rc.1', '1.10.0'].map((release) => intakeOf(parts, release)) as [
      IntakeBatches,
      IntakeBatches,
      IntakeBatches,
    ];
    const held = await steps(3, parts.store);
    await handle(older, held.slice(0, 1), true);
    await handle(older, held.slice(1));
    await newer.poll(); // with the cause not fixed
    const again = { release: '1.10.0', redrive: false };
    expect(await parkedOf('purse_keeper')).toMatchObject([{ ...again, reason: expect.any(String) }, again, again]);
    await cure();
    await query('update purse_keeper.parked_messages set redrive = true');
    for (const each of [older, same]) await each.poll();
    expect(await parkedOf('purse_keeper')).toHaveLength(3);
    await query(`update purse_keeper.parked_messages set redrive = false, release = '1.10.0-rc.1'`);
    await same.poll(); // its own waits for an operator
    expect(await parkedOf('purse_keeper')).toHaveLength(3);
    await newer.poll();
    expect([(await parkedOf('purse_keeper')).length, (await query('select from purse_keeper.payments')).length]).toEqual([0, 3]);
  });

  it('of a saga follows the same rules', async () => {
    const desk = await open('job-desk');
    const parts = await open('errand-saga');
    const saga = { ...parts, kafka, name: 'errand-saga', topics: [names.jobs, names.purses], process: new ErrandProcess() };
    const batches = (release: string) => new RunningProcess({ ...saga, release })['batches'];
    const [older, newer] = [batches('1.9.0'), batches('1.10.0')];
    const job = new Job(freshId()).open({ walletId: freshId(), purseId: freshId(), amount: 1, deadlineMs: 60_000 });
    await desk.store.saveAggregate(job);
    await desk.store.saveAggregate(job.nudge({ spoil: true }));
    await handle(older, await desk.store.readEvents(job.id));
    expect(await parkedOf('errand_saga')).toMatchObject([{ saga_id: errandIdFor(job.id), release: '1.9.0' }]);
    await newer.poll();
    expect(await parkedOf('errand_saga')).toMatchObject([{ reason: 'handler-failed: spoilt', release: '1.10.0' }]);
    ErrandProcess.mends = true;
    await query('update errand_saga.parked_messages set redrive = true');
    await older.poll();
    expect(await parkedOf('errand_saga')).toHaveLength(1);
    await newer.poll();
    expect(await parkedOf('errand_saga')).toEqual([]);
  });
});

describe('an aggregate that a projector has parked', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await openBench();
  });
  afterEach(() => bench.drop());

  it('is retried automatically by a newer release, and left alone by an older one', async () => {
    const id = freshId();
    const checkpoint = () => bench.checkpoint('tally_projector', id);
    const projector = async (release: string) => {
      const batches = new ProjectorBatches(Tallies, { ...bench.parts, catalogue: counters, kafka, release });
      await batches.open();
      return batches;
    };
    const [older, newer, newest] = [await projector('1.9.0'), await projector('1.10.0'), await projector('2.0.0')];
    const events = [...counts(id, 1, 1), recorded(id, 2, new Spoilt({ why: 'water' }))];
    await bench.keep(...events);
    await handle(older, events);
    expect(await checkpoint()).toMatchObject({ version: 1, parked_version: 2, parked_release: '1.9.0' });
    await newer.poll(); // with the cause not fixed
    expect(await checkpoint()).toMatchObject({ parked_version: 2, parked_release: '1.10.0' });
    await bench.database.dataSource.query('update tally_projector.checkpoints set redrive = true');
    await older.poll();
    expect(await checkpoint()).toMatchObject({ parked_version: 2, parked_release: '1.10.0', redrive: true });
    const { onSpoilt } = Tallies.prototype;
    Tallies.prototype.onSpoilt = (row) => ({ ...row!, total: '2' });
    await newest.poll();
    Tallies.prototype.onSpoilt = onSpoilt;
    expect(await checkpoint()).toMatchObject({ version: 2, parked_version: null, parked_release: null, redrive: false });
  });
});
