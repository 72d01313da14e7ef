import { setTimeout as sleep } from 'node:timers/promises';
import { compareAll, exportedViews, readStore, resume } from '@tradecore/checks';
import { freshId, OrderCanceled, placementIdFor, topics, type RecordedEvent } from '@tradecore/events';
import { recordedSample } from '@tradecore/events/testing';
import type { RunningService } from '@tradecore/service';
import { eventually } from '@tradecore/service/testing';
import { World } from './world.ts';

let world: World;
let service: RunningService;

beforeAll(async () => {
  world = await World.create();
  service = await world.start();
}, 30_000);
afterAll(async () => {
  await service.stop();
  await world.drop();
}, 30_000);

const orderEvents = topics.orderEvents.name;

/** An account with an order that is placed and approved; nothing of it is relayed. */
async function order(): Promise<{ account: string; orderId: string; events: RecordedEvent[] }> {
  const account = await world.models.openAccount();
  const orderId = await world.models.flow.place(account);
  return { account, orderId, events: await world.history(orderId) };
}

describe('the reconciler', () => {
  it('finds nothing in a healthy history, whenever it is relayed', async () => {
    await order();
    await world.relay();
    await order();
    await order();
    await world.relay();
    await world.compared();
    expect(await world.open()).toEqual([]);
  });

  it('names an event that is lost between store and topic, and says when it has come', async () => {
    const { events } = await order();
    const [placed] = events as [RecordedEvent];
    await world.sql('delete from event_outbox where event_id = $1', [placed.id]);
    await world.sql('delete from order_projector.checkpoints where aggregate_id = $1', [placed.aggregateId]);
    await world.relay();
    const { detail } = await world.finding('topics', 'lost', placed.id);
    expect(await world.proposed('lost', placed.id)).toEqual([
      { kind: 'catch-up', owner: 'order-projector', target: placed.aggregateId, events: [], version: 1 },
    ]);
    expect(detail).toContain(`OrderPlaced ${placed.aggregateId} version 1 is on no partition of its topic`);
    await world.publish(orderEvents, [placed]);
    await eventually(async () =>
      (await world.open()).some(({ subject, kind }) => subject === placed.id && kind === 'lost') ? undefined : true,
    );
  });

  it('names a record that is there twice', async () => {
    const { events } = await order();
    await world.relay();
    await world.publish(orderEvents, events.slice(0, 1));
    await world.finding('topics', 'twice', events[0]?.id ?? '');
  });

  it('names a record that comes again when all of its time was compared, and no other', async () => {
    const { events } = await order();
    await world.relay();
    await world.compared();
    await world.publish(orderEvents, events.slice(0, 1));
    await world.finding('topics', 'twice', events[0]?.id ?? '');
    const about = (await world.open()).filter(({ subject }) => events.some(({ id }) => id === subject));
    expect(about.map(({ kind }) => kind)).toEqual(['twice']);
  });

  it('names a record that the store does not hold, and one that holds no event', async () => {
    const foreign = recordedSample(new OrderCanceled({}), {
      metadata: { account: freshId() },
      time: new Date().toISOString().replace('Z', '000Z'),
    });
    await world.publish(orderEvents, [foreign, { ...foreign, id: 'no id' }]);
    await world.finding('topics', 'foreign', foreign.id);
    await eventually(async () =>
      (await world.open()).find(({ detail }) => detail.includes('holds no event: header-malformed: ce_id')),
    );
  });

  it('names an event that was changed in the store after it was published', async () => {
    const { events } = await order();
    await world.models.relay(world.kafka.kafka);
    const [placed] = events as [RecordedEvent];
    await world.tamper(`update event_store set event_data = event_data || '{"symbol": "GLOBEX"}' where event_id = $1`, [
      placed.id,
    ]);
    await world.raiseFloor();
    await world.finding('topics', 'changed', placed.id);
  });

  it('names an event that was changed in the store when all was compared long ago', async () => {
    const { account } = await order();
    await world.relay();
    await world.compared();
    const deposit = `update event_store set event_data = event_data || $2 where aggregate_id = $1 and event_type = 'FundsDeposited'`;
    await world.tamper(deposit, [account, { amount: '99' }]);
    expect((await world.finding('store', 'changed', account)).detail).toContain('changed at version 2');
    await world.tamper(deposit, [account, { amount: '10000' }]);
    await eventually(async () =>
      (await world.open()).some(({ check, subject }) => check === 'store' && subject === account) ? undefined : true,
    );
  });

  it('names the earlier of two events that were exchanged in the outbox', async () => {
    const { events } = await order();
    const [first, second] = events as [RecordedEvent, RecordedEvent];
    await world.sql(
      `with pair as (delete from event_outbox where event_id = any ($1::uuid[]) returning *)
       insert into event_outbox select (select o.seq from pair o where o.event_id <> p.event_id), p.event_id, p.topic, p.key from pair p`,
      [[first.id, second.id]],
    );
    await world.relay();
    await world.finding('topics', 'out-of-order', first.id);
  });
});

describe('what an operator has decided', () => {
  const decide = async (forgetTail: boolean, plant: () => Promise<void>) => {
    const since = new Date(Date.now() - 60_000).toISOString();
    await world.sql(`select close_store('restored')`);
    await plant();
    const url = world.database.urlFor('operator');
    return resume({ url, kafka: world.kafka.kafka, since, forgetTail, why: 'a test', confirm: () => true });
  };
  /** What `verify` counts on the topic. */
  const verified = async (): Promise<readonly string[]> => {
    const records = await world.kafka.readTopic(orderEvents);
    const seen = records.map(({ headers, key, ...place }) => ({ ...place, key: String(key), id: String(headers['ce_id']) }));
    const { dataSource } = world.database;
    const lines = await compareAll({
      stored: () => readStore(dataSource),
      database: dataSource,
      readModels: exportedViews(dataSource),
      topic: (name) => Promise.resolve({ records: name === orderEvents ? seen : [] }),
    });
    return lines.find(({ what }) => what.startsWith(orderEvents))?.topics as readonly string[];
  };
  const kindsOf = async (id: string) => (await world.open()).flatMap(({ subject, kind }) => (subject === id ? [kind] : []));

  it('is explained: records that were given up, and what is stored under their versions since; a copy of one is not', async () => {
    const { account, orderId, events } = await order();
    const [, last] = events as [RecordedEvent, RecordedEvent];
    await world.relay();
    const time = new Date().toISOString().replace('Z', '000Z');
    const tail = [1, 2].map((n) => ({ ...last, id: freshId(), aggregateVersion: last.aggregateVersion + n, time }));
    const { givenUpEvents } = await decide(true, () => world.publish(orderEvents, tail));
    expect(givenUpEvents.map(({ eventId }) => eventId)).toEqual(expect.arrayContaining(tail.map(({ id }) => id)));
    await world.models.order(account, orderId, (each) => each.requestCancel());
    await world.relay();
    await world.compared();
    for (const { id } of [...tail, ...(await world.history(orderId))]) expect(await kindsOf(id)).toEqual([]);
    const isTail = (id: string): boolean => tail.some((each) => id.endsWith(each.id));
    expect((await verified()).filter(isTail)).toEqual([]);
    const [copied] = tail as [RecordedEvent];
    await world.publish(orderEvents, [copied]);
    await world.finding('topics', 'foreign', copied.id);
    expect((await verified()).filter(isTail)).toContain(copied.id);
  });

  it('is explained: an event that was lost and is published late', async () => {
    const { events } = await order();
    const [placed] = events as [RecordedEvent];
    await world.sql('delete from event_outbox where event_id = $1', [placed.id]);
    await world.relay();
    await world.finding('topics', 'lost', placed.id);
    expect(await decide(false, () => Promise.resolve())).toMatchObject({ outOfOrder: 1 });
    await world.relay();
    await eventually(async () => ((await kindsOf(placed.id)).length === 0 ? true : undefined));
    await world.compared();
    expect(await kindsOf(placed.id)).toEqual([]);
    expect((await verified()).filter((id) => id.endsWith(placed.id))).toEqual([placed.id]);
  });

  it('is waited for: while the store is closed nothing is judged', async () => {
    const foreign = recordedSample(new OrderCanceled({}), { metadata: {}, time: new Date().toISOString().replace('Z', '000Z') });
    await decide(true, async () => {
      await world.publish(orderEvents, [foreign]);
      await eventually(async () =>
        (await (await fetch(`${service.adminUrl}/health/ready`)).text()).includes('stands by') ? true : undefined,
      );
      await sleep(1_000); // longer than any suspicion
      expect(await kindsOf(foreign.id)).toEqual([]);
    });
    await world.raiseFloor();
    await world.compared();
    expect(await kindsOf(foreign.id)).toEqual([]);
  });
});

describe('a read model', () => {
  const clean = (check: string, subject: string) =>
    eventually(async () =>
      (await world.open()).some((each) => each.check === check && each.subject === subject) ? undefined : true,
    );

  it.each([
    ['a row that was changed', 'row', `update order_projector.orders set status = 'filled' where order_id = $1`],
    [
      'a checkpoint that was set back',
      'row',
      `update order_projector.checkpoints c set version = 1, event_id = (select event_id from event_store e where e.aggregate_id = c.aggregate_id and aggregate_version = 1) where aggregate_id = $1`,
    ],
    ['a row that was deleted', 'row-missing', 'delete from order_projector.orders where order_id = $1'],
    [
      'a checkpoint of an event that is not there',
      'checkpoint',
      'update order_projector.checkpoints set event_id = gen_random_uuid() where aggregate_id = $1',
    ],
  ])('is named for %s', async (_, kind, plant) => {
    const { orderId } = await order();
    await world.relay();
    await world.sql(plant, [orderId]);
    await world.finding('models', kind, `order-projector ${orderId}`);
    await world.sql('delete from order_projector.checkpoints where aggregate_id = $1', [orderId]);
    await world.sql('delete from order_projector.orders where order_id = $1', [orderId]);
    await world.models.project(orderId);
    await clean('models', `order-projector ${orderId}`);
  });

  it.each([
    [
      'money',
      'account-projector',
      'row',
      'update account_projector.accounts set available = available + 1 where account_id = $1',
    ],
    [
      'a holding',
      'position-projector',
      'row',
      `insert into position_projector.positions_held values ($1 || '/ACME', $1::text::uuid, 'ACME', 1, 1, 0, 1, now())`,
    ],
    [
      'an entry of the feed',
      'feed-projector',
      'feed',
      'delete from feed_projector.feed_entries where account_id = $1 and sequence = 2',
    ],
  ])('is named for %s that is not what the store says', async (_, model, kind, plant) => {
    const { account } = await order();
    await world.relay();
    await world.sql(plant, [account]);
    await world.finding('models', kind, `${model} ${account}`);
  });
});

describe('an orphan', () => {
  it('is named: a reservation whose order needs none', async () => {
    const { account, orderId } = await order();
    await world.relay();
    await world.tamper('delete from event_store where aggregate_id = $1', [orderId]);
    await world.tamper('delete from stream_heads where aggregate_id = $1', [orderId]);
    expect((await world.finding('orphans', 'reservation', account)).detail).toContain(orderId);
  });
});

describe('an orphan from the database', () => {
  const over = (kind: string, subject: string) =>
    eventually(async () =>
      (await world.open()).some((each) => each.kind === kind && each.subject === subject) ? undefined : true,
    );
  const openSaga = (orderId: string, stuck: boolean) =>
    world.sql(
      `insert into order_saga.open_sagas (saga_id, aggregate_ids, due_at, heard, origin, stuck) values ($1, array[$2::uuid, $1], now() - interval '1 hour', '{}', '{}', $3)`,
      [placementIdFor(orderId), orderId, stuck],
    );

  it('is named: a placement that is open though its order has ended, unless it is parked', async () => {
    const { account, orderId } = await order();
    await world.models.order(account, orderId, (each) => each.requestCancel());
    const [last] = (await world.history(orderId)).slice(-1) as [RecordedEvent];
    await world.tamper(`update event_store set event_type = 'OrderCanceled' where event_id = $1`, [last.id]);
    await world.relay();
    await openSaga(orderId, false);
    expect((await world.finding('orphans', 'placement', placementIdFor(orderId))).detail).toContain(`order ${orderId} has ended`);
    expect(await world.proposed('placement', placementIdFor(orderId))).toEqual([]); // the brokerage has said nothing
    await world.sql(
      `insert into order_saga.parked_messages (saga_id, target_id, reason, release) values ($1, $1, 'a test', '1.0.0')`,
      [placementIdFor(orderId)],
    );
    await over('placement', placementIdFor(orderId));
  });

  it('is named: a step that the gateway has not taken', async () => {
    const { orderId } = await order();
    await world.relay();
    await openSaga(orderId, true);
    await world.finding('orphans', 'step', placementIdFor(orderId));
    await world.sql('delete from order_saga.open_sagas where saga_id = $1', [placementIdFor(orderId)]);
    await over('step', placementIdFor(orderId));
  });

  it('is named: an order that the brokerage has not had for longer than the window', async () => {
    const key = freshId();
    const at = (minutes: number) => ({ absentAt: new Date(Date.now() - minutes * 60_000).toISOString() });
    await world.sql('insert into broker_gateway.work (key, state) values ($1, $2), ($3, $4)', [key, at(5), freshId(), at(-5)]);
    await world.finding('orphans', 'absent', key);
    const query = { kind: 'query', owner: 'broker-gateway', target: key, events: [], version: 0 };
    expect(await world.proposed('absent', key)).toEqual([query]);
    expect((await world.open()).filter(({ kind }) => kind === 'absent')).toHaveLength(1);
  });

  it('is named: an execution that no account has booked once its saga has heard of it, and an order that is not ours', async () => {
    const [reported, orderId, account, executionId] = [freshId(), freshId(), freshId(), freshId()];
    const insert = (id: string, type: string, data: object, aggregateType = 'BrokerOrder') =>
      world.tamper(
        `insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", metadata, schema_version, position, hash)
         values ($1, $4, $2, 1, $3, $5, clock_timestamp(), jsonb_build_object('account', $6::text), 1, 0, '')`,
        [id, aggregateType, type, id, data, account],
      );
    const isNamed = async () => (await world.open()).some(({ kind }) => kind === 'execution');
    await insert(reported, 'ExecutionReported', { executionId, orderId });
    const foreign = freshId();
    await insert(foreign, 'ForeignOrderAdopted', { brokerageOrderId: 'b-1', clientOrderId: freshId() });
    await world.finding('orphans', 'foreign-order', foreign);
    expect(await isNamed()).toBe(false);
    await openSaga(orderId, false);
    await world.sql(`update order_saga.open_sagas set heard = jsonb_build_object($2::text, 1) where saga_id = $1`, [
      placementIdFor(orderId),
      reported,
    ]);
    await world.finding('orphans', 'execution', reported);
    const redeliver = { kind: 'redeliver', owner: 'order-saga', target: placementIdFor(orderId), events: [reported], version: 1 };
    expect(await world.proposed('execution', reported)).toEqual([redeliver]);
    await insert(account, 'FillSettled', { executionId }, 'Account');
    await over('execution', reported);
  });
});

describe('findings', () => {
  it('are written to the topic when they open and when they close', async () => {
    const told = await eventually(async () => {
      const records = await world.kafka.readTopic(topics.reconciliationReports.name);
      const types = records.map(({ headers }) => String(headers['ce_type']));
      return types.includes('FindingOpened') && types.includes('FindingClosed') ? records : undefined;
    });
    expect(new Set(told.map(({ headers }) => String(headers['ce_id']))).size).toBe(told.length);
    const [first] = told.map(({ value }) => JSON.parse(String(value)) as object);
    expect(first).toMatchObject({ check: expect.any(String), kind: expect.any(String), subject: expect.any(String) });
  });

  it('are acknowledged by an operator, with a reason, and then count no more', async () => {
    const metric = async () =>
      /^tradecore_reconciliation_findings\{check="topics"\} (\d+)$/m.exec(
        await (await fetch(`${service.adminUrl}/metrics`)).text(),
      )?.[1];
    const before = (await world.open()).filter(({ check }) => check === 'topics').length;
    await eventually(async () => (Number(await metric()) === before ? true : undefined));
    const operator = await world.database.dataSourceFor('operator');
    const [finding] = await world.sql<{ id: string }>(
      `select finding_id as id from reconciler.findings where check_name = 'topics' and closed_at is null limit 1`,
    );
    await expect(operator.query('select operate.acknowledge($1, $2)', [finding?.id, ' '])).rejects.toThrow('a reason is needed');
    await operator.query('select operate.acknowledge($1, $2)', [finding?.id, 'planted by a test']);
    await eventually(async () => (Number(await metric()) === before - 1 ? true : undefined));
  });
});

describe('another reconciler', () => {
  it('goes on from the rows, in the middle of what is not compared yet, and takes over when the first leaves', async () => {
    const standby = await world.start();
    const ready = await (await fetch(`${standby.adminUrl}/health/ready`)).text();
    expect(ready).toContain('stands by');
    const { events } = await order();
    const [placed] = events as [RecordedEvent];
    await world.sql('delete from event_outbox where event_id = $1', [placed.id]);
    await world.relay();
    await eventually(async () => (await world.sql('select from reconciler.buckets where stored_count <> seen_count')).at(0));
    await service.stop();
    service = standby;
    await world.finding('topics', 'lost', placed.id);
    const known = new Set((await world.open()).map(({ kind }) => kind));
    await world.compared();
    expect(new Set((await world.open()).map(({ kind }) => kind))).toEqual(known);
  });

  it('says from when on it compares nothing, when the topics were made anew while it was away', async () => {
    const before = (await world.open()).length;
    await service.stop();
    await world.kafka.remake(orderEvents);
    service = await world.start();
    const found = await eventually(async () => (await world.open()).find(({ kind }) => kind === 'not-audited'));
    expect(found.detail).toContain('another log');
    const { events } = await order();
    await world.relay();
    await world.compared();
    expect((await world.open()).length).toBe(before + 1);
    expect(events.length).toBeGreaterThan(0);
  });
});
