/**
 * Figure 1: appends through the EventStore, compared with the textbook way and the bare SQL function. Same tables, same
 * indexes, same 64 callers; rounds alternate, so that load on the machine affects all. `npm run bench -- append`
 */
import { createEventStore } from '@tradecore/event-sourcing';
import { createTestDatabase, type TestDatabase } from '@tradecore/event-sourcing/testing';
import { catalogue, freshId } from '@tradecore/events';
import { runInContext } from '@tradecore/telemetry';
import pg from 'pg';
import { machine, median, percentile, writeResults } from './harness.ts';
import { BenchOrder, context, metadata, terms } from './sample.ts';

const callers = 64;
const batch = 50;
const textbookConnections = 16;
const functionConnections = 2;
const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 4);

/**
 * Runs `save` from that many callers for a while; returns saves per second, and each call's latency in milliseconds.
 */
async function drive(count: number, perCall: number, save: (caller: number) => Promise<void>): Promise<Round> {
  const waits: number[] = [];
  const start = performance.now();
  const until = start + seconds * 1000;
  await Promise.all(
    Array.from({ length: count }, async (_, caller) => {
      for (let before = performance.now(); before < until;) {
        await save(caller);
        const after = performance.now();
        waits.push(after - before);
        before = after;
      }
    }),
  );
  return { perSecond: (waits.length * perCall) / ((performance.now() - start) / 1000), waits };
}

interface Round {
  readonly perSecond: number;
  readonly waits: number[];
}

/** The textbook: a transaction of four statements, and a trigger on each row that notifies. */
async function textbook(database: TestDatabase): Promise<() => Promise<void>> {
  await database.dataSource.query(`
    drop trigger outbox_insert_notify on event_outbox;
    create function notify_each_row() returns trigger language plpgsql as $$
      begin perform pg_notify('outbox_events', ''); return null; end $$;
    create trigger outbox_insert_notify after insert on event_outbox for each row execute function notify_each_row()`);
  const pool = new pg.Pool({ connectionString: database.url, max: textbookConnections });
  pool.on('error', () => undefined); // the database is dropped while the last connections close
  closers.push(() => pool.end());
  return async () => {
    const [id, eventId] = [freshId(), freshId()];
    const client = await pool.connect();
    try {
      await client.query('begin');
      const { rows } = await client.query({
        name: 'max',
        text: 'select coalesce(max(aggregate_version), 0) as version from event_store where aggregate_id = $1',
        values: [id],
      });
      const version = Number((rows[0] as { version: number }).version) + 1;
      const inserted = await client.query({
        name: 'event',
        text: `insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp",
                 correlation_id, metadata, schema_version, position, hash)
               values ($1, $2, 'Order', $3, 'OrderPlaced', $4, now(), $5, $6, 1, nextval('event_position'), '') returning position`,
        values: [eventId, id, version, JSON.stringify(terms), context.correlationId, JSON.stringify(metadata)],
      });
      await client.query({
        name: 'outbox',
        text: `insert into event_outbox values ($1, $2, 'transport.order-events', $3)`,
        values: [(inserted.rows[0] as { position: string }).position, eventId, id],
      });
      await client.query('commit');
    } finally {
      client.release();
    }
  };
}

/** The SQL function alone: fifty saves per statement, on as many connections as the store uses. */
async function bare(database: TestDatabase): Promise<(caller: number) => Promise<void>> {
  const url = database.urlFor('command-api');
  const clients = await Promise.all(Array.from({ length: functionConnections }, async () => connected(url)));
  const event = `{"v":1,"d":${JSON.stringify(terms)},"m":${JSON.stringify(metadata)},"c":"${context.correlationId}"}`;
  const events = `[${Array.from({ length: batch }, () => event).join(',')}]`;
  const numbers = `{${Array.from({ length: batch }, (_, index) => index + 1).join(',')}}`;
  const types = `{${Array.from({ length: batch }, () => 'Order').join(',')}}`;
  const eventTypes = `{${Array.from({ length: batch }, () => 'OrderPlaced').join(',')}}`;
  const versions = `{${Array.from({ length: batch }, () => 0).join(',')}}`;
  const ids = (): string => `{${Array.from({ length: batch }, freshId).join(',')}}`;
  return async (caller) => {
    const { rows } = await (clients[caller] as pg.Client).query({
      name: 'bare',
      text: 'select verdict from append_events($1, $2, $3, $4, $5, $6, $7, $8)',
      values: [numbers, ids(), types, versions, numbers, ids(), eventTypes, events],
    });
    if (rows.some((row: { verdict: string }) => row.verdict !== 'stored')) throw new Error('not stored');
  };
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  closers.push(() => client.end());
  return client;
}

async function throughStore(database: TestDatabase): Promise<() => Promise<void>> {
  const store = createEventStore({ dataSource: await database.dataSourceFor('command-api'), catalogue });
  closers.push(() => store.close());
  return () => runInContext(context, async () => void (await store.saveAggregate(new BenchOrder(freshId()).place())));
}

interface Contestant {
  readonly name: string;
  readonly count: number;
  readonly perCall: number;
  readonly save: (caller: number) => Promise<void>;
}

/** The rounds of all, in turn; the first round warms up. */
async function measure(contestants: readonly Contestant[]): Promise<{ name: string; rounds: Round[] }[]> {
  const measured = contestants.map(({ name }) => ({ name, rounds: [] as Round[] }));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, { count, perCall, save }] of contestants.entries()) {
      const result = await drive(count, perCall, save);
      if (round > 0) measured[index]?.rounds.push(result);
    }
  }
  return measured;
}

const closers: (() => Promise<void>)[] = [];
const databases = await Promise.all([createTestDatabase(), createTestDatabase(), createTestDatabase()]);
const [forTextbook, forBare, forStore] = databases as [TestDatabase, TestDatabase, TestDatabase];
try {
  const contestants = [
    {
      name: `textbook, ${callers} callers, ${textbookConnections} connections`,
      count: callers,
      perCall: 1,
      save: await textbook(forTextbook),
    },
    {
      name: `append_events, ${functionConnections} callers, ${batch} saves a call`,
      count: functionConnections,
      perCall: batch,
      save: await bare(forBare),
    },
    { name: `EventStore, ${callers} callers`, count: callers, perCall: 1, save: await throughStore(forStore) },
  ];
  const measured = await measure(contestants);
  const speed = measured.map(({ rounds: all }) => median(all.map(({ perSecond }) => perSecond)));
  const [book = 0, alone = 0, store = 0] = speed;
  writeResults({
    name: 'append',
    method: `One event a save, each on a new aggregate, ${rounds} rounds of ${seconds} s each in turn after one to warm up; medians of the rounds.`,
    machine: await machine(forStore.url),
    rows: measured.map(({ name, rounds: all }, index) => {
      const waits = all.flatMap((each) => each.waits);
      return {
        contestant: name,
        'saves/s': Math.round(speed[index] ?? 0),
        'p50 of a call, ms': percentile(waits, 0.5).toFixed(2),
        'p99 of a call, ms': percentile(waits, 0.99).toFixed(2),
      };
    }),
    targets: [
      { target: 'EventStore >= 6 x textbook', found: (store / book).toFixed(2), reached: store >= 6 * book },
      { target: 'EventStore >= 0.6 x append_events', found: (store / alone).toFixed(2), reached: store >= 0.6 * alone },
    ],
  });
} finally {
  for (const close of closers) await close();
  for (const database of databases) await database.drop();
}
