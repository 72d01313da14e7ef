import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { topics, freshId } from '@tradecore/events';
import { createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
}, 60_000);
afterAll(() => world.drop());

/** Puts a record aside as a consumer does, and returns the key of its letter. */
async function letter(group: string, eventId: string | undefined, offset: number): Promise<string> {
  const topic = topics.orderEvents.name;
  const headers = eventId === undefined ? {} : { ce_id: Buffer.from(eventId) };
  const original = {
    topic,
    partition: 0,
    offset: BigInt(offset),
    timestamp: 1_000 * offset,
    key: null,
    value: Buffer.from('{"a":1'),
    headers,
  };
  await world.kafka.kafka.deadLetter(original, { group, reason: 'undecodable', detail: 'no JSON', attempts: 1 });
  return `${group}/${topic}/0/${offset}`;
}

/** An event of the store, of an aggregate that no reader knows. */
async function storedEvent(): Promise<{ id: string; aggregateId: string }> {
  const [id, aggregateId] = [freshId(), freshId()];
  await world.query(
    `insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", metadata, schema_version,
       position, hash) values ($1, $2, 'Order', 1, 'OrderPlaced', '{}', now(), '{}', 1, nextval('event_position'), '')`,
    [id, aggregateId],
  );
  return { id, aggregateId };
}

const act = (command: 'redrive' | 'drop', key: string) =>
  world.tradecore('dead-letters', command, key, '--why', 'looked at', `--yes=${key}`);
const isListed = async (key: string) => (await world.tradecore('dead-letters', 'list')).said.includes(key);

describe('dead letters', () => {
  it('are listed by pages, oldest first, and shown with the original', async () => {
    const keys = [
      await letter('order-saga', undefined, 3),
      await letter('order-saga', undefined, 2),
      await letter('order-saga', undefined, 1),
    ];
    const first = await world.tradecore('dead-letters', 'list', '--limit', '2');
    expect(first.code).toBe(1);
    expect(first.said).toMatch(new RegExp(`${keys[2]}[^]+${keys[1]}[^]+1 behind: --after ${keys[1]}$`));
    expect(first.said).not.toContain(keys[0]);
    expect((await world.tradecore('dead-letters', 'list', '--after', keys[1] ?? '')).said).toContain(keys[0]);
    const shown = (await world.tradecore('dead-letters', 'show', keys[0] ?? '')).said;
    expect(shown).toMatch(/dl_reason +undecodable[^]+value +\{"a":1/);
    expect(await world.tradecore('dead-letters', 'show', 'none')).toEqual({ code: 1, said: 'no letter none waits' });
  });

  it('are dropped with a record of it', async () => {
    const key = await letter('order-projector', undefined, 10);
    expect(await act('drop', key)).toMatchObject({ code: 0 });
    expect(await isListed(key)).toBe(false);
    expect((await world.operations()).at(-1)).toMatchObject({
      command: 'dead-letters drop',
      arguments: { letter: key, reason: 'undecodable: no JSON' },
      why: 'looked at',
    });
  });

  it('let a projector hear the event from the store: its aggregate is marked to be brought up', async () => {
    const { id, aggregateId } = await storedEvent();
    const key = await letter('order-projector', id, 20);
    expect(await act('redrive', key)).toMatchObject({ code: 0 });
    expect(await isListed(key)).toBe(false);
    const marked = await world.query(
      'select version, parked_version, parked_release from order_projector.checkpoints where aggregate_id = $1',
      [aggregateId],
    );
    expect(marked).toEqual([{ version: 0, parked_version: 1, parked_release: '0.0.0' }]);
    expect((await world.operations()).at(-1)).toMatchObject({ command: 'dead-letters redrive', arguments: { event: id } });
  });

  it('leave alone a projector that has the event', async () => {
    const { id, aggregateId } = await storedEvent();
    await world.query('insert into order_projector.checkpoints (aggregate_id, version, event_id) values ($1, 1, $2)', [
      aggregateId,
      id,
    ]);
    expect((await act('redrive', await letter('order-projector', id, 21))).said).toContain('it has the event already');
    const marked = await world.query('select parked_version from order_projector.checkpoints where aggregate_id = $1', [
      aggregateId,
    ]);
    expect(marked).toEqual([{ parked_version: null }]);
  });

  it('let a process hear the event from the store: it waits there to be tried', async () => {
    const { id, aggregateId } = await storedEvent();
    await act('redrive', await letter('order-saga', id, 30));
    const waiting = await world.query('select saga_id, event_id, redrive, release from order_saga.parked_messages');
    expect(waiting).toEqual([{ saga_id: aggregateId, event_id: id, redrive: true, release: '0.0.0' }]);
  });

  it.each([
    { case: 'the store does not hold its event', group: 'order-saga', event: freshId(), why: /the store does not hold event/ },
    { case: 'its original names no event', group: 'order-saga', event: undefined, why: /names no event/ },
    {
      case: 'its group keeps no offsets in the store',
      group: 'notifier',
      event: 'stored',
      why: /no consumer or projection notifier/,
    },
  ])('are refused, and stay, when $case', async ({ group, event, why }) => {
    const before = (await world.operations()).length;
    const key = await letter(group, event === 'stored' ? (await storedEvent()).id : event, 40);
    const { code, said } = await act('redrive', key);
    expect([code, said]).toEqual([1, expect.stringMatching(why)]);
    expect([await isListed(key), (await world.operations()).length]).toEqual([true, before]);
    await act('drop', key);
  });
});

describe('the positions of the notifier', () => {
  it('are set where they are lost, to a time, and only there', async () => {
    const topic = topics.orderEvents.name;
    const { kafka } = world.kafka;
    const producer = await kafka.openTransactional({ transactionalId: 'test-relay', writer: 'relay' });
    const write = () =>
      producer.send({
        batches: [{ topic, messages: Array.from({ length: 9 }, (_, n) => ({ key: String(n), value: '{}' })) }],
        ...{ group: 'other', positionTopic: topic, partition: 0, offset: 0n },
      });
    await write();
    await sleep(50);
    const since = new Date();
    await sleep(50);
    const before = await kafka.endOffsets(topic);
    await write();
    await producer.send({ batches: [], group: 'notifier', positionTopic: topic, partition: 0, offset: 1n });
    await producer.discard();
    expect((await world.tradecore('notices', 'positions')).said).toMatch(/order-events +0 +there[^]+order-events +1 +missing/);
    const args = ['--since', since.toISOString(), '--why', 'expired', '--yes=notifier'];
    expect((await world.tradecore('notices', 'begin-again', ...args)).code).toBe(0);
    expect(await kafka.committedOffsets('notifier', topic)).toEqual(new Map([...before, [0, 1n]]));
    expect(await world.tradecore('notices', 'begin-again', ...args)).toEqual({
      code: 1,
      said: 'the notifier has all its positions',
    });
    expect((await world.operations()).at(-1)).toMatchObject({ command: 'notices begin-again', why: 'expired' });
  });
});

describe('status and doctor', () => {
  it('say what is locked, and all else', async () => {
    const session = new Client({ connectionString: world.database.url });
    await session.connect();
    await session.query('begin');
    await session.query('lock table order_projector.projection in access exclusive mode');
    const [status, doctor] = [await world.tradecore('status'), await world.tradecore('doctor')];
    await session.end();
    expect(status.said).toMatch(/projections +can't be looked at +canceling statement due to lock timeout[^]+dead letters/);
    expect(doctor.said).toContain("the readers can't be looked at: canceling statement due to lock timeout");
    expect(doctor.said).toContain('dead letters wait');
  });

  it('count the letters that wait, not those that are gone', async () => {
    expect((await world.tradecore('status')).said).toMatch(/^dead letters +3/m);
    expect((await world.tradecore('doctor')).said).toContain('3 dead letters wait');
  });

  it('see since when the transactions of others are open', async () => {
    const holder = new Client({ connectionString: world.database.urlFor('order-projector'), application_name: 'holder' });
    await holder.connect();
    await holder.query('begin; select 1');
    const operator = await world.database.dataSourceFor('operator');
    const seen: unknown = await operator.query(
      `select sessions::int, busy::int, oldest_transaction_seconds < 60 as young from operate.sessions() where service = 'holder'`,
    );
    await holder.end();
    expect(seen).toEqual([{ sessions: 1, busy: 1, young: true }]);
  });
});
