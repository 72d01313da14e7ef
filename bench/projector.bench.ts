/**
 * Figure 4: how fast a cold projector comes up, with the fleet's own orders read model.
 * From the store: no position, one builder folds every stored event in one transaction. From the log: positions at 0, every record read again.
 * `npm run bench -- projector [events]`
 */
import { randomBytes } from 'node:crypto';
import { createEventStore, migrate } from '@tradecore/event-sourcing';
import { catalogue, topics } from '@tradecore/events';
import { createBroker, encode, type Broker, type OutgoingMessage } from '@tradecore/messaging';
import { Orders, readModelMigrations } from '@tradecore/read-models';
import { ProjectorWork, Subscription } from '@tradecore/subscriptions';
import pg from 'pg';
import { DataSource } from 'typeorm';

const events = Number(process.argv[2] ?? 100_000);
const topic = topics.orderEvents.name;
const server = process.env['DATABASE_URL'];
const brokers = process.env['KAFKA_BROKERS'];
if (!server || !brokers) throw new Error('DATABASE_URL and KAFKA_BROKERS name the servers to measure on');

const id = `bench_${randomBytes(4).toString('hex')}`;

async function createDatabase(url: string): Promise<string> {
  const owner = new pg.Client({ connectionString: url });
  await owner.connect();
  await owner.query(`create database ${id}`);
  await owner.end();
  const own = new URL(url);
  own.pathname = `/${id}`;
  await migrate(own.href, { catalogue, migrations: readModelMigrations, rolePrefix: id });
  return own.href;
}

async function dropDatabase(url: string): Promise<void> {
  const owner = new pg.Client({ connectionString: url });
  await owner.connect();
  await owner.query(`drop database ${id} with (force)`);
  for (const { rolname } of (await owner.query(`select rolname from pg_roles where rolname like $1`, [`${id}\\_%`])).rows) {
    await owner.query(`drop role ${String(rolname)}`);
  }
  await owner.end();
}

/** Two events an order: placed, cancel requested. What the projector reads is as the store and the relay write it; the chain of hashes is left out. */
const fill = `
  insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", correlation_id,
    metadata, schema_version, position, hash)
  select gen_random_uuid(), order_id, 'Order', version, case version when 1 then 'OrderPlaced' else 'OrderCancelRequested' end,
    case version when 1 then jsonb_build_object('accountId', account, 'clientOrderId', 'bench-' || n, 'symbol', 'ACME', 'side', 'buy', 'type', 'limit',
      'quantity', '10', 'limitPrice', '101.25', 'timeInForce', 'day') else '{"reason": "bench"}' end,
    '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 ms' + version * interval '1 s', gen_random_uuid(),
    jsonb_build_object('account', account), 1, nextval('event_position'), '\\x00'
  from (select n, gen_random_uuid() as order_id, '0190a6e0-0000-7000-8000-' || lpad((n % 1000)::text, 12, '0') as account
          from generate_series(1, $1 / 2) as n) as orders, generate_series(1, 2) as version`;

async function publish(broker: Broker, dataSource: DataSource): Promise<void> {
  const rows = (await dataSource.query(`
    select event_id as id, aggregate_id as "aggregateId", aggregate_type as "aggregateType", aggregate_version as "aggregateVersion",
      event_type as type, schema_version as "schemaVersion", event_data::text as "dataText", correlation_id as "correlationId",
      causation_id as "causationId", saga_id as "sagaId", metadata,
      to_char("timestamp" at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time
    from event_store order by "timestamp"`)) as Parameters<typeof encode>[0][];
  const producer = await broker.openTransactional({ transactionalId: 'bench', writer: 'relay' });
  for (let from = 0; from < rows.length; from += 1000) {
    const messages: OutgoingMessage[] = rows.slice(from, from + 1000).map((row) => encode(row));
    const batches = [{ topic, messages }];
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

/** Runs the projector until every event is folded; events a second, and the mean of batches. */
async function catchUp(broker: Broker, dataSource: DataSource): Promise<{ perSecond: number; seconds: number }> {
  const store = createEventStore({ dataSource, catalogue });
  const subscription = new Subscription(new ProjectorWork(Orders, { dataSource, store, catalogue, broker }), {
    dataSource,
    broker,
  });
  const started = performance.now();
  const cpu = process.cpuUsage();
  await subscription.start();
  for (;;) {
    const [row] = (await dataSource.query('select sum(version)::int as folded from order_projector.guards')) as {
      folded: number | null;
    }[];
    if ((row?.folded ?? 0) >= events) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  process.stdout.write(`cpu of this process: ${((user + system) / events).toFixed(0)} us an event\n`);
  await subscription.stop();
  await store.close();
  return { perSecond: Math.round(events / seconds), seconds };
}
const url = await createDatabase(server);
const dataSource = await new DataSource({ type: 'postgres', url, poolSize: 10 }).initialize();
const broker = createBroker({ brokers: brokers.split(','), clientId: id, namespace: id.replace('_', '-') });
try {
  await broker.ensureTopics({ replication: 1 });
  await dataSource.query(fill, [events]);
  await dataSource.query('analyze');
  await publish(broker, dataSource);
  const fromStore = await catchUp(broker, dataSource);
  process.stdout.write(
    `from the store: ${fromStore.perSecond} events/s (${fromStore.seconds.toFixed(1)} s, joining the group included)\n`,
  );
  await dataSource.query('delete from order_projector.guards');
  await dataSource.query('delete from order_projector.orders');
  await dataSource.query('update order_projector.positions set next_offset = 0');
  await dataSource.query('vacuum');
  const fromLog = await catchUp(broker, dataSource);
  process.stdout.write(
    `from the log: ${fromLog.perSecond} events/s (${fromLog.seconds.toFixed(1)} s, joining the group included)\n`,
  );
} finally {
  await broker.close();
  await dataSource.destroy();
  await dropDatabase(server);
}
