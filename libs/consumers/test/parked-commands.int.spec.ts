import { freshId, type RecordedEvent } from '@tradecore/events';
import { encode } from '@tradecore/messaging';
import { metrics } from '@tradecore/telemetry';
import { createErrandWorld, type ErrandWorld } from './errand-world.ts';
import { errandIdFor, names, Purse } from './errands.ts';
import { until } from './world.ts';

interface Parked {
  saga_id: string;
  target_id: string;
  reason: string;
  waiting: string;
}

describe('commands', () => {
  let world: ErrandWorld;
  beforeEach(async () => {
    Purse.mends = false;
    world = await createErrandWorld();
  });
  afterEach(() => world.drop(), 30_000);

  const parked = () => world.query<Parked>('select saga_id, target_id, reason, waiting from purse_keeper.parked order by reason');
  const isParked = (count = 1) => until(parked, (rows) => rows.length === count, 30_000);
  const redrive = (targetId: string) =>
    world.query('update purse_keeper.parked_messages set redrive = true where target_id = $1', [targetId]);
  const stepsOf = (jobId: string) => world.eventsOf(errandIdFor(jobId));
  const paid = async (purseId: string) => (await world.eventsOf(purseId)).filter(({ type }) => type === 'PursePaid').length;

  it('that fail park their saga and the aggregate asked, and nobody else', async () => {
    const [purseId, other] = [freshId(), freshId()];
    await world.runPurses();
    await world.runErrands();
    const failing = await world.open({ purseId, amount: -1 });
    await isParked();
    // The same purse, asked by another saga, and another purse.
    await world.ended(await world.open({ purseId, amount: 2 }), await world.open({ purseId: other }));
    expect(await paid(purseId)).toBe(1);
    const row = {
      saga_id: errandIdFor(failing),
      target_id: purseId,
      reason: "handler-failed: a purse can't pay -1",
      waiting: '0',
    };
    expect(await parked()).toEqual([row]);
    expect(await metrics.metrics()).toContain('consumer_parked_total{consumer="purse-keeper",reason="handler-failed"} 1');

    await redrive(purseId); // without a cure
    await until(
      () => world.query<{ redrive: boolean }>('select redrive from purse_keeper.parked_messages'),
      ([held]) => held?.redrive === false,
    );
    expect(await parked()).toEqual([row]);
    Purse.mends = true;
    await redrive(purseId);
    await world.ended(failing);
    expect(await world.query('select * from purse_keeper.parked_messages')).toEqual([]);
    expect(await paid(purseId)).toBe(2);
  }, 60_000);

  it('wait in order behind the one that is parked, and follow it', async () => {
    const purseId = freshId();
    await world.runPurses();
    await world.runErrands();
    const failing = await world.open({ purseId, amount: -1, deadlineMs: 1 }); // asked again at once
    await until(parked, ([row]) => row?.waiting === '1', 30_000);
    expect((await stepsOf(failing)).map(({ type }) => type)).toEqual(['PaymentAsked', 'PaymentAsked']);
    Purse.mends = true;
    await redrive(purseId);
    await world.ended(failing);
    expect(await paid(purseId)).toBe(1); // two attempts, one command
    expect(await world.query('select * from purse_keeper.parked_messages')).toEqual([]);
  }, 60_000);

  it('are parked when they store nothing, or a value that PostgreSQL refuses, and neighbours of the batch pass', async () => {
    world.relay(false);
    await world.runPurses();
    await world.runErrands();
    const good = [await world.open(), await world.open()];
    const [silent, refused] = [freshId(), freshId()];
    await world.open({ purseId: silent, amount: 0 });
    await world.open({ purseId: refused, amount: 666 });
    good.push(await world.open());
    world.relay(true);
    await world.ended(...good);
    const rows = await isParked(2);
    expect(rows.map(({ target_id, reason }) => [target_id, reason.slice(0, 40)])).toEqual([
      [silent, 'handler-failed: the handler stored nothi'],
      [refused, 'row-refused: new row for relation "payme'],
    ]);
    expect(await paid(refused)).toBe(0);
  }, 60_000);

  it('are handled once, however often their record or another attempt of theirs comes', async () => {
    const purseId = freshId();
    await world.runPurses();
    await world.runErrands();
    const jobId = await world.open({ purseId });
    await world.ended(jobId);
    const [step] = (await stepsOf(jobId)) as [RecordedEvent];
    await world.publish(step, step);
    const again = { ...step, data: { ...step.data, attempt: 2 } };
    await world.publish(again); // no such step is stored
    await until(
      () => world.deadLetters(),
      (letters) => letters.length === 1,
    );
    await world.ended(await world.open({ purseId }));
    expect(await paid(purseId)).toBe(2);
  }, 60_000);

  it('that nobody stored are dead letters, garbage too', async () => {
    await world.runPurses();
    const step: RecordedEvent = {
      id: freshId(),
      aggregateId: freshId(),
      aggregateType: 'Errand',
      aggregateVersion: 1,
      type: 'PaymentAsked',
      schemaVersion: 1,
      data: { target: freshId(), commandId: freshId(), attempt: 1, amount: 5, dueAt: '2026-01-01T00:00:00Z' },
      time: '2026-01-01T00:00:00.000000Z',
      correlationId: null,
      causationId: null,
      sagaId: null,
      metadata: {},
    };
    await world.publish(step);
    await world.send(names.steps, { key: 'x', value: '{' });
    const letters = await until(
      () => world.deadLetters(),
      (found) => found.length === 2,
    );
    expect(letters.map(({ headers }) => String(headers['dl_reason'])).sort()).toEqual(['foreign', 'undecodable']);
    expect(await world.query('select * from purse_keeper.parked_messages')).toEqual([]);
  }, 60_000);

  it('of a type that this build does not know are parked, and tried again by the next process', async () => {
    const [sagaId, purseId] = [freshId(), freshId()];
    const insert = `insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp",
        metadata, schema_version, position, hash)
      values ($1, $2, 'Errand', $3, $4, $5, now(), '{}', $6, nextval('event_position'), '')`;
    const keep = async (version: number, type: string, schemaVersion: number) => {
      const data = { target: purseId, commandId: freshId(), attempt: 1, amount: 5, dueAt: '2026-01-01T00:00:00Z' };
      const id = freshId();
      await world.query(insert, [id, sagaId, version, type, JSON.stringify(data), schemaVersion]);
      const { metadata, ...rest } = {
        id,
        aggregateId: sagaId,
        aggregateType: 'Errand',
        aggregateVersion: version,
        type,
        metadata: {},
      };
      const nobody = { correlationId: null, causationId: null, sagaId: null, time: '2026-01-01T00:00:00.000000Z' };
      const event = { ...rest, ...nobody, metadata, schemaVersion, dataText: JSON.stringify(data) };
      await world.send(names.steps, { ...encode(event), key: purseId });
    };
    const first = await world.runPurses();
    await keep(1, 'RefundAsked', 1);
    await isParked();
    await keep(2, 'PaymentAsked', 2);
    await keep(3, 'PaymentAsked', 1);
    const [row] = await until(parked, ([found]) => found?.waiting === '2', 30_000);
    expect(row?.reason).toContain('unknown-event: Errand RefundAsked version 1');
    await first.stop();
    await world.query(`update purse_keeper.parked_messages set event_id = gen_random_uuid() where event_id in (
      select event_id from event_store where event_type = 'RefundAsked')`); // as if a newer build handled it
    await world.runPurses();
    const [next] = await until(parked, ([found]) => found?.waiting === '1', 30_000);
    expect(next?.reason).toContain('unknown-event: Errand PaymentAsked version 2');
    expect(await paid(purseId)).toBe(0);
  }, 60_000);
});
