import { jest } from '@jest/globals';
import { freshId, type RecordedEvent } from '@tradecore/events';
import { encode } from '@tradecore/messaging';
import { currentContext, logger, metricsPage } from '@tradecore/telemetry';
import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import { errandIdFor, names } from './errands.ts';
import { until } from './world.ts';

interface Parked {
  saga_id: string;
  target_id: string;
  reason: string;
  waiting: string;
}

describe('the steps that an intake takes', () => {
  let world: ErrandWorld;
  beforeEach(async () => {
    world = await createErrandWorld();
  });
  afterEach(() => world.drop(), 30_000);

  const parked = () => world.query<Parked>('select saga_id, target_id, reason, waiting from purse_keeper.parked order by reason');
  const isParked = (count = 1) => until(parked, (rows) => rows.length === count, 30_000);
  const redrive = (targetId: string) =>
    world.query('update purse_keeper.parked_messages set redrive = true where target_id = $1', [targetId]);
  const stepsOf = (jobId: string) => world.eventsOf(errandIdFor(jobId));
  const rows = () => world.query<{ purse_id: string }>('select purse_id from purse_keeper.payments order by n');
  const step = (changes: Partial<RecordedEvent>): RecordedEvent => ({
    id: freshId(),
    aggregateId: freshId(),
    aggregateType: 'Errand',
    aggregateVersion: 1,
    type: 'PaymentRequested',
    schemaVersion: 1,
    data: { target: freshId(), commandId: freshId(), attempt: 1, amount: 5, dueAt: '2026-01-01T00:00:00Z' },
    time: '2026-01-01T00:00:00.000000Z',
    correlationId: null,
    causationId: null,
    sagaId: null,
    metadata: {},
    ...changes,
  });
  /** Stores a step as it is, and sends it to the topic. */
  const keep = async (event: RecordedEvent) => {
    await world.query(
      `insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp",
         metadata, schema_version, position, hash)
       values ($1, $2, $3, $4, $5, $6, $8, '{}', $7, nextval('event_position'), '')`,
      [
        ...[
          event.id,
          event.aggregateId,
          event.aggregateType,
          event.aggregateVersion,
          event.type,
          event.data,
          event.schemaVersion,
        ],
        event.time,
      ],
    );
    const { data, ...envelope } = event;
    const target = (data as { target: string }).target;
    await world.send(names.steps, { ...encode({ ...envelope, dataText: JSON.stringify(data) }), key: target });
  };

  it('are parked with their saga and target when PostgreSQL refuses them, and their neighbours in the batch pass', async () => {
    const purseId = freshId();
    world.halt(true);
    await world.runPurses();
    await world.runErrands();
    const good = [await world.open(), await world.open({ purseId })];
    const refused = await world.open({ purseId, amount: 666 });
    good.push(await world.open({ purseId }));
    world.halt(false);
    await world.ended(...good);
    const [row] = await isParked();
    expect(row).toMatchObject({ saga_id: errandIdFor(refused), target_id: purseId, waiting: '0' });
    expect(row?.reason).toContain('row-refused: ');
    expect(await metricsPage()).toContain('tradecore_consumer_parked_total{group="purse-keeper",reason="row-refused"} 1');
  }, 60_000);

  it('are logged with their saga, cause and account when a replay of stored events refuses them', async () => {
    await world.runErrands();
    const refused = await world.open({ amount: 666 });
    const [asked] = await until(
      () => stepsOf(refused),
      (steps) => steps.length === 1,
    );
    const told: unknown[] = [];
    const error = jest.spyOn(logger('consumers'), 'error').mockImplementation(() => void told.push(currentContext()));
    await world.query(`select purse_keeper.begin_again(now() - interval '1 hour')`);
    await world.runPurses();
    await isParked();
    await until(
      () => Promise.resolve(told),
      (contexts) => contexts.length === 1,
    );
    error.mockRestore();
    expect(told).toEqual([expect.objectContaining({ sagaId: errandIdFor(refused), causationId: asked?.id, account: 'acme' })]);
  }, 60_000);

  it('wait in order behind the parked one, and follow it when it is redriven, by whichever instance', async () => {
    const purseId = freshId();
    const { subscription } = await world.runPurses();
    await world.runPurses();
    await world.runErrands();
    const jobId = await world.open({ purseId, amount: 666, deadlineMs: 1 }); // asked again at once: it was not received
    await until(parked, ([row]) => row?.waiting === '1', 30_000);
    expect((await stepsOf(jobId)).map(({ type }) => type)).toEqual(['PaymentRequested', 'PaymentRequested']);
    await redrive(purseId); // with the cause not fixed
    await until(
      () => world.query<{ redrive: boolean }>('select redrive from purse_keeper.parked_messages'),
      (all) => all.every((each) => !each.redrive),
    );
    expect(await parked()).toMatchObject([{ waiting: '1' }]);
    await world.query('alter table purse_keeper.payments drop constraint payments_data_check');
    await redrive(purseId);
    await world.ended(jobId);
    await until(
      () => world.query('select * from purse_keeper.parked_messages'),
      (all) => all.length === 0,
    );
    expect(await rows()).toEqual([{ purse_id: purseId }, { purse_id: purseId }]); // two steps, one command
    expect(await world.countOf('PursePaid')).toBe(1);
    expect(subscription.status().state).toBe('running');
  }, 60_000);

  it('are taken once, however often their record arrives; begin_again takes none twice', async () => {
    await world.runPurses();
    await world.runErrands();
    const jobId = await world.open();
    await world.ended(jobId);
    const [first] = (await stepsOf(jobId)) as [RecordedEvent];
    await world.publish(first, { ...first, data: { ...first.data, attempt: 2 } }); // no such step is stored
    await until(
      () => world.deadLetters(),
      (letters) => letters.length === 1,
    );
    await world.query(`select purse_keeper.begin_again(now() - interval '1 hour')`);
    await world.ended(await world.open());
    expect(await rows()).toHaveLength(2);
  }, 60_000);

  it('that are not stored become dead letters, and so does garbage', async () => {
    await world.runPurses();
    await world.publish(step({}));
    await world.send(names.steps, { key: 'x', value: '{' });
    const letters = await until(
      () => world.deadLetters(),
      (found) => found.length === 2,
    );
    expect(letters.map(({ headers }) => String(headers['dl_reason'])).sort()).toEqual(['foreign', 'undecodable']);
    expect(await world.query('select * from purse_keeper.parked_messages')).toEqual([]);
  }, 60_000);

  it('of a type or version that this build does not know are parked, and retried by the next process', async () => {
    const aggregateId = freshId();
    const data = { target: freshId(), commandId: freshId(), attempt: 1, amount: 0 };
    const first = await world.runPurses();
    await keep(step({ aggregateId, data, type: 'RefundRequested' }));
    await isParked();
    await keep(step({ aggregateId, data, aggregateVersion: 2, schemaVersion: 2 }));
    await keep(step({ aggregateId, data, aggregateVersion: 3 }));
    const [row] = await until(parked, ([found]) => found?.waiting === '2', 30_000);
    expect(row?.reason).toContain('unknown-event: Errand RefundRequested version 1');
    await first.stop();
    await world.query(`delete from purse_keeper.parked_messages where reason is not null`); // as if a newer build had handled it
    await world.runPurses();
    const [next] = await until(parked, ([found]) => found?.waiting === '1', 30_000);
    expect(next?.reason).toContain('unknown-event: Errand PaymentRequested version 2');
    expect(await rows()).toEqual([]);
  }, 60_000);
});
