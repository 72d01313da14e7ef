/**
 * Figure 2: from the committed append to the callback of a `read_committed` consumer in another process, at a steady
 * rate; then how fast a backlog is published, compared with bare kafkajs transactions of the same size; then both
 * beside a foreign transaction that holds an xid and a snapshot. The relay is the real service in a separate process.
 * `npm run bench -- relay [events a second] [seconds] [backlog]`
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createEventStore, type PostgresEventStore } from '@tradecore/event-sourcing';
import { createTestDatabase } from '@tradecore/event-sourcing/testing';
import { catalogue, freshId, topics } from '@tradecore/events';
import { createKafkaClient } from '@tradecore/messaging';
import { runInContext } from '@tradecore/telemetry';
import kafkajs from 'kafkajs';
import pg from 'pg';
import { heap } from '@tradecore/local/runner/fleet.ts';
import { machine, percentile, writeResults } from './harness.ts';
import { BenchOrder, context, metadata, terms } from './sample.ts';

const rate = Number(process.argv[2] ?? 1_000);
const seconds = Number(process.argv[3] ?? 20);
const backlog = Number(process.argv[4] ?? 150_000);
const warmUpSeconds = 5;
const batchSize = 2_000;
const rounds = 3;
const adminPort = 19_083;
const brokers = process.env['KAFKA_BROKERS'];
if (!brokers) throw new Error('KAFKA_BROKERS names no broker to measure on');

/** A backlog as the append function would leave it; the hash chain is left out, because the relay does not read it. */
const fill = `
  with stored as (
    insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", correlation_id, metadata,
      schema_version, position, hash)
    select gen_random_uuid(), gen_random_uuid(), 'Order', 1, 'OrderPlaced', $2::jsonb, now(), gen_random_uuid(), $3::jsonb, 1,
      nextval('event_position'), '\\x00'
    from generate_series(1, $1::int) returning position, event_id, aggregate_id)
  insert into event_outbox (seq, event_id, topic, key) select position, event_id, 'transport.order-events', aggregate_id::text from stored`;

const database = await createTestDatabase();
const namespace = `bench-${randomBytes(4).toString('hex')}`;
const kafka = createKafkaClient({ brokers: brokers.split(','), clientId: 'bench', namespace });
await kafka.ensureTopics({ replication: 1 }, [topics.orderEvents, topics.relayPosition]);
const owner = new pg.Client(database.url);
await owner.connect();
const writerSource = await database.dataSourceFor('command-api');
const store = createEventStore({ dataSource: writerSource, catalogue });
const at = (): number => Number(process.hrtime.bigint()) / 1e6;

let running: ChildProcess | undefined;

/** Starts the service and waits until it leads. */
async function startRelay(): Promise<ChildProcess> {
  const main = fileURLToPath(new URL('../services/outbox-relay/dist/main.js', import.meta.url));
  const child = spawn(process.execPath, [...heap, main], {
    env: {
      ...process.env,
      DATABASE_URL: database.urlFor('outbox-relay'),
      KAFKA_BROKERS: brokers,
      NAMESPACE: namespace,
      ADMIN_PORT: String(adminPort),
      LOG_LEVEL: 'warn',
    },
    stdio: 'inherit',
  });
  running = child;
  while ((await metric('tradecore_relay_lease_owner')) !== 1) await sleep(20);
  return child;
}

async function metric(name: string): Promise<number> {
  const page = await fetch(`http://127.0.0.1:${adminPort}/metrics`).then(
    (response) => response.text(),
    () => '',
  );
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(page)?.[1] ?? Number.NaN);
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** Single events at fixed moments, without waiting for answers; the latency of each in ms. */
async function latencies(eventStore: PostgresEventStore): Promise<number[]> {
  const seen = new Map<string, number>();
  const consumer = fork(fileURLToPath(new URL('relay-consumer.ts', import.meta.url)), [brokers ?? '', namespace]);
  consumer.on('message', (message: { at?: number; ids?: string[] }) => {
    for (const id of message.ids ?? []) seen.set(id, message.at ?? Number.NaN);
  });
  await once(consumer, 'message');
  const committed = new Map<string, number>();
  const saves: Promise<void>[] = [];
  const start = performance.now();
  for (let number = 0; number < rate * (warmUpSeconds + seconds); number += 1) {
    const wait = start + (number * 1000) / rate - performance.now();
    if (wait > 0) await sleep(wait);
    const warm = number >= rate * warmUpSeconds;
    saves.push(
      runInContext(context, async () => {
        const { events } = await eventStore.saveAggregate(new BenchOrder(freshId()).place());
        if (warm) committed.set(events[0]?.id ?? '', at());
      }),
    );
  }
  await Promise.all(saves);
  for (const deadline = Date.now() + 20_000; [...committed.keys()].some((id) => !seen.has(id)) && Date.now() < deadline;)
    await sleep(50);
  await stop(consumer);
  return [...committed].map(([id, time]) => Math.max(0, (seen.get(id) ?? Number.NaN) - time));
}

/** Events per second while a backlog is published, from the first batch seen published to the last. */
async function flatOut(): Promise<{ rate: number; megabytes: number }> {
  await owner.query(fill, [backlog, JSON.stringify(terms), JSON.stringify(metadata)]);
  await owner.query('checkpoint');
  const relay = await startRelay();
  let first: { count: number; time: number } | undefined;
  for (;;) {
    const count = await metric('tradecore_relay_events_total');
    const time = performance.now();
    if (count > 0) first ??= { count, time };
    if (first && count >= backlog) {
      const status = readFileSync(`/proc/${relay.pid}/status`, 'utf8');
      const megabytes = Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1000);
      await stop(relay);
      return { rate: ((count - first.count) * 1000) / (time - first.time), megabytes };
    }
    await sleep(25);
  }
}

/** Bare kafkajs with the records that the relay has sent. */
async function bare(): Promise<number> {
  const child = fork(fileURLToPath(new URL('relay-bare.ts', import.meta.url)), [
    brokers ?? '',
    `${namespace}.${topics.orderEvents.name}`,
    sampleFile,
    String(Math.min(backlog, 60_000)),
    String(batchSize),
  ]);
  const [{ rate: found }] = (await once(child, 'message')) as [{ rate: number }];
  await once(child, 'exit');
  return found;
}

const sampleFile = fileURLToPath(new URL(`results/.sample-${process.pid}.json`, import.meta.url));
/** The topic's records unchanged, for the baseline. */
async function takeSample(): Promise<void> {
  const sample: unknown[] = [];
  const consumer = kafka.runConsumer({
    group: `bench.${freshId()}`,
    topics: [topics.orderEvents.name],
    positions: async () => new Map(),
    onBatch: async ({ messages }) => {
      for (const { key, value, headers } of messages) {
        const texts = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)]));
        if (sample.length < 2_000) sample.push({ key: String(key), value: String(value), headers: texts });
      }
    },
  });
  while (sample.length < 2_000) await sleep(50);
  await consumer.stop();
  writeFileSync(sampleFile, JSON.stringify(sample));
}

/** Another client's transaction that writes and reads, and stays open. */
async function holdOpen(): Promise<pg.Client> {
  const foreign = new pg.Client(database.url);
  await foreign.connect();
  await foreign.query('begin isolation level repeatable read');
  await foreign.query('select pg_current_xact_id(), (select count(*) from stream_heads)');
  return foreign;
}

const shown = (values: number[]): { p50: number; p99: number } => ({
  p50: Math.round(percentile(values, 0.5) * 10) / 10,
  p99: Math.round(percentile(values, 0.99) * 10) / 10,
});
const best = (values: readonly number[]): number => Math.round(percentile([...values], 0.5));

/** The two steps since the relay started: means, in ms. */
interface Steps {
  readonly take: number;
  readonly send: number;
  readonly perBatch: number;
}

async function steps(): Promise<Steps> {
  const mean = async (name: string): Promise<number> =>
    Math.round(((await metric(`${name}_sum`)) / (await metric(`${name}_count`))) * 1e5) / 100;
  const perBatch = (await metric('tradecore_relay_events_total')) / (await metric('tradecore_relay_batches_total'));
  return {
    take: await mean('tradecore_relay_take_seconds'),
    send: await mean('tradecore_relay_send_seconds'),
    perBatch: Math.round(perBatch * 10) / 10,
  };
}

async function measure(): Promise<{
  latency: { p50: number; p99: number };
  steps: Steps;
  rates: number[];
  megabytes: number;
  bares: number[];
}> {
  const relay = await startRelay();
  const latency = shown(await latencies(store));
  const means = await steps();
  await stop(relay);
  const rates: number[] = [];
  const bares: number[] = [];
  let megabytes = 0;
  for (let round = 0; round < rounds; round += 1) {
    const out = await flatOut();
    rates.push(out.rate);
    megabytes = Math.max(megabytes, out.megabytes);
    if (round === 0) await takeSample();
    bares.push(await bare());
  }
  return { latency, steps: means, rates, megabytes, bares };
}

// No relay outlives the bench, whatever fails.
process.on('exit', () => running?.kill('SIGKILL'));
const alone = await measure();
const foreign = await holdOpen();
const beside = await measure();
await foreign.end();
rmSync(sampleFile);
await store.close();
await owner.end();
await kafka.close();

const found = best(alone.rates);
const ratio = Math.round((found / best(alone.bares)) * 100) / 100;
writeResults({
  name: 'relay',
  method:
    `Latency: ${rate} events/s for ${seconds} s after ${warmUpSeconds} s, one event a save through EventStore, open loop; committed = saveAggregate has ` +
    `resolved. Flat out: a backlog of ${backlog} events, median of ${rounds}; bare = kafkajs 2.2.4 unchanged, the same records, ${batchSize} a transaction, an ` +
    'offset in each, in turn with the relay. Beside: a foreign transaction (repeatable read) holds an xid and a snapshot of the same database all the time.',
  machine: await machine(database.url),
  rows: [
    { what: 'append committed -> callback in another process (ms)', p50: alone.latency.p50, p99: alone.latency.p99 },
    { what: 'the same beside a foreign transaction (ms)', p50: beside.latency.p50, p99: beside.latency.p99 },
    { what: `statement (1), mean of batches of ${alone.steps.perBatch} (ms)`, p50: alone.steps.take, p99: '' },
    { what: 'transaction (2), mean (ms)', p50: alone.steps.send, p99: '' },
    { what: 'flat out (events/s)', p50: found, p99: '' },
    { what: 'flat out beside a foreign transaction (events/s)', p50: best(beside.rates), p99: '' },
    { what: 'bare kafkajs transactions (events/s)', p50: best(alone.bares), p99: '' },
    { what: 'bare beside the foreign transaction (events/s)', p50: best(beside.bares), p99: '' },
    { what: 'relay, resident after a backlog (MB)', p50: alone.megabytes, p99: '' },
  ],
  targets: [
    { target: 'p50 < 5 ms', found: `${alone.latency.p50} ms`, reached: alone.latency.p50 < 5 },
    { target: 'p99 < 25 ms', found: `${alone.latency.p99} ms`, reached: alone.latency.p99 < 25 },
    { target: 'flat out >= 30,000 events/s', found: `${found}`, reached: found >= 30_000 },
    { target: '>= 0.7 of bare transactions', found: `${ratio}`, reached: ratio >= 0.7 },
  ],
});
await database.drop();
const admin = new kafkajs.Kafka({ brokers: brokers.split(',') }).admin();
await admin.connect();
await admin.deleteTopics({ topics: [topics.orderEvents, topics.relayPosition].map(({ name }) => `${namespace}.${name}`) });
await admin.disconnect();
process.exit(0);
