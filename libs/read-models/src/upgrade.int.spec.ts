import { migrate } from '@tradecore/event-sourcing';
import { createTestDatabase } from '@tradecore/event-sourcing/testing';
import { catalogue, freshId } from '@tradecore/events';
import { feedAfter, feedHeads, orderById, readModelMigrations } from './index.ts';

/** The schema as it was before orders had a whole life. */
const before = readModelMigrations.filter(({ number }) => [200, 201, 300, 301].includes(number));

it('rows of the version before are read as this one shows them, until they are built anew', async () => {
  const database = await createTestDatabase({ migrations: before });
  const [orderId, accountId, eventId] = [freshId(), freshId(), freshId()];
  const db = database.dataSource;
  await db.query(`update order_projector.projection set log = 'cluster/'`);
  await db.query(`insert into order_projector.checkpoints (aggregate_id, version, event_id) values ($1, 1, $2)`, [
    orderId,
    eventId,
  ]);
  await db.query(
    `insert into order_projector.orders
     values ($1, $2, 'mine', 'ACME', 'buy', 'limit', 10, 101.5, null, 'day', 'pending', null, 1, now(), now())`,
    [orderId, accountId],
  );
  await db.query(`insert into feed_projector.feeds values ($1, 1)`, [accountId]);
  await db.query(
    `insert into feed_projector.feed_entries values ($1, 1, $2, $3, 1, 'orderPlaced', now(), '{"symbol": "ACME"}')`,
    [accountId, eventId, orderId],
  );
  await migrate(database.url, { catalogue, migrations: readModelMigrations, rolePrefix: 'tradecore_test' });
  expect((await orderById(db, orderId, [accountId]))?.order).toMatchObject({
    id: orderId,
    clientOrderId: 'mine',
    status: 'pendingNew',
    filledQuantity: '0',
    revision: 1,
    revisions: [],
  });
  expect(await db.query('select log, start_over from order_projector.projection')).toEqual([{ log: null, start_over: true }]);
  const head = (await feedHeads(db, [accountId])).get(accountId)!;
  expect(await feedAfter(db, accountId, { ...head, sequence: 0 }, 10)).toMatchObject({
    head: { sequence: 1 },
    entries: [{ sequence: 1, orderId, orderVersion: 1, change: 'orderPlaced' }],
  });
  await database.drop();
});
