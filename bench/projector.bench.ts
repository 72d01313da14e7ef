/**
 * Figure 4: how fast a cold projector catches up, with the fleet's own read model of orders. `npm run bench --
 * projector [events]` From the store: no position; one builder folds every stored event in one transaction. From the
 * log: positions at 0; every record is read again.
 */
import { createEventStore } from '@tradecore/event-sourcing';
import { createTestDatabase } from '@tradecore/event-sourcing/testing';
import { catalogue, topics } from '@tradecore/events';
import { encode, type KafkaClient, type OutgoingMessage } from '@tradecore/messaging';
import { createTestKafka } from '@tradecore/messaging/testing';
import { Orders, readModelMigrations } from '@tradecore/read-models';
import { ProjectorBatches, Subscription } from '@tradecore/consumers';
import type { DataSource } from 'typeorm';
import { machine, writeResults, type Row } from './harness.ts';

const events = Number(process.argv[2] ?? 100_000);
const target = 10_000;
/** Two stored events per order; the hash chain is left out, because no projector reads it. */
const fill = `
  insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", correlation_id,
    metadata, schema_version, position, hash)
  select gen_random_uuid(), order_id, 'Order', version, case version when 1 then 'OrderPlaced' else 'OrderCancelRequested' end,
    case version when 1 then jsonb_build_object('accountId', account, 'clientOrderId', 'bench-' || n, 'symbol', 'ACME', 'side', 'buy',
      'type', 'limit', 'quantity', '10', 'limitPrice', '101.25', 'timeInForce', 'day') else '{"reason": "bench"}' end,
    '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 ms' + version * interval '1 s', gen_random_uuid(),
    jsonb_build_object('account', account), 1, nextval('event_position'), '\\x00'
  from (select n, gen_random_uuid() as order_id, '0190a6e0-0000-7000-8000-' || lpad((n % 1000)::text, 12, '0') as account
          from generate_series(1, $1::int / 2) as n) as orders, generate_series(1, 2) as version`;

const stored = `
  select event_id as id, aggregate_id as "aggregateId", aggregate_type as "aggregateType", aggregate_version as "aggregateVersion",
    event_type as type, schema_version as "schemaVersion", event_data::text as "dataText", correlation_id as "correlationId",
    causation_id as "causationId", saga_id as "sagaId", metadata,
    to_char("timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time
  from event_store order by "timestamp"`;

/** Puts every stored event on the topic, as the relay would: transactions of 500. */
async function publish(kafka: KafkaClient, dataSource: DataSource): Promise<void> {
  const rows = (await dataSource.query(stored)) as Parameters<typeof encode>[0][];
  const producer = await kafka.openTransactional({ transactionalId: 'bench', writer: 'relay' });
  for (let from = 0; from < rows.length; from += 500) {
    const messages: OutgoingMessage[] = rows.slice(from, from + 500).map((row) => encode(row));
    const batches = [{ topic: topics.orderEvents.name, messages }];
    await producer.send({
      batches,
      group: 'bench',
      positionTopic: topics.relayPosition.name,
      partition: 0,
      offset: BigInt(from + 1),
    });
  }
  await producer.discard();
}

/** Runs the projector, as its own login, until every event is folded. */
async function catchUp(how: string, kafka: KafkaClient, dataSource: DataSource): Promise<Row> {
  const store = createEventStore({ dataSource, catalogue });
  const subscription = new Subscription(new ProjectorBatches(Orders, { dataSource, store, catalogue, kafka }), {
    dataSource,
    kafka,
  });
  const cpu = process.cpuUsage();
  const started = performance.now();
  await subscription.start();
  for (let folded = 0; folded < events;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const [row] = (await dataSource.query('select sum(version)::int as folded from order_projector.checkpoints')) as {
      folded: number;
    }[];
    folded = row?.folded ?? 0; // two versions per order: they add up to the number of events
  }
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await subscription.stop();
  await store.close();
  return {
    how,
    events,
    seconds: seconds.toFixed(1),
    'events/s': Math.round(events / seconds),
    'CPU of the projector, us/event': Math.round((user + system) / events),
  };
}

const database = await createTestDatabase({ migrations: readModelMigrations });
const { partitions } = topics.orderEvents;
const declarations = [topics.orderEvents, topics.deadLetters, topics.relayPosition];
const test = await createTestKafka({ declarations, partitions });
const { kafka } = test;
try {
  await database.dataSource.query(fill, [events]);
  await publish(kafka, database.dataSource);
  await database.dataSource.query('vacuum analyze');
  const dataSource = await database.dataSourceFor('order-projector');
  const rows = [await catchUp('from the store', kafka, dataSource)];
  await database.dataSource.query('truncate order_projector.checkpoints, order_projector.orders');
  await database.dataSource.query('update order_projector.offsets set next_offset = 0');
  rows.push(await catchUp('from the log', kafka, dataSource));
  writeResults({
    name: 'projector',
    method: `One projector (orders: a row, a guard, an index more), one process, ${partitions} partitions; joining the group is in the time.`,
    machine: await machine(database.url),
    rows,
    targets: rows.map((row) => ({
      target: `${String(row['how'])}: >= ${target} events/s`,
      found: String(row['events/s']),
      reached: Number(row['events/s']) >= target,
    })),
  });
} finally {
  await test.drop();
  await database.drop();
}
