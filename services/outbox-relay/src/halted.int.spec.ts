import { jest } from '@jest/globals';
import { resume } from '@tradecore/checks';
import { NotHalted } from '@tradecore/event-sourcing';
import { freshId, topics } from '@tradecore/events';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import pg from 'pg';
import { append, compareTopicWithStore, createWorld, declarations, until, drained, Load, type World } from '../test/world.ts';

jest.setTimeout(60_000);

const inDatabase = (url: string, name: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href;

/** Appends `count` new aggregates of two events each. */
async function appendSome(url: string, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (let n = 0; n < count; n += 1) await append(client, [{ id: freshId(), expected: 0, events: 2 }]);
  } finally {
    await client.end();
  }
}

describe('a store restored to an older state of itself', () => {
  let world: World;
  let older: string;
  beforeEach(async () => {
    world = await createWorld();
    older = `${world.database.name}_older`;
  });
  afterEach(async () => {
    await world.database.dataSource.query(`drop database if exists "${older}" with (force)`);
    await world.close();
  });

  /** Makes a copy, like a backup. */
  async function backUp(): Promise<void> {
    const { dataSource, url, name } = world.database;
    await dataSource.destroy();
    const admin = new pg.Client({ connectionString: inDatabase(url, 'postgres') });
    await admin.connect();
    await admin.query(`create database "${older}" template "${name}"`);
    await admin.end();
    await dataSource.initialize();
  }

  /** Every field except the position, which is drawn anew. */
  const facts = (database: pg.Client): Promise<object[]> =>
    database
      .query<object>(
        `select event_id, aggregate_id, aggregate_version, event_type, event_data::text, metadata::text, timestamp, hash from event_store order by 1`,
      )
      .then(({ rows }) => rows);

  it("closes the store; the operator's resume takes back what the topics hold, and each event is there once", async () => {
    const writer = world.database.urlFor('command-api');
    const since = new Date(Date.now() - 60_000).toISOString();
    let relay = world.relay();
    await appendSome(writer, 10);
    await relay.said('leading');
    await drained(world.database);
    await relay.stop();
    await appendSome(writer, 15); // These wait in the backup's outbox, and are published afterwards.
    await backUp();
    relay = world.relay();
    const load = new Load(writer);
    await until('the store accepts saves again', () => load.saves > 50);
    await load.stop();
    await drained(world.database);
    await relay.stop();

    const url = inDatabase(world.database.urlFor('outbox-relay'), older);
    const restored = world.relay({ DATABASE_URL: url });
    const second = world.relay({ DATABASE_URL: url });
    await Promise.all([restored.said('halted'), second.said('halted')]);
    expect(`${restored.log()}${second.log()}`).toContain('the store is an older state of itself');
    await expect(appendSome(inDatabase(writer, older), 1)).rejects.toMatchObject({ code: 'TC003' });

    const operator = inDatabase(world.database.urlFor('operator'), older);
    const options = { url: operator, kafka: world.kafka.another(), since, why: 'a test' };
    const found = { alreadyPublished: 30, missing: 0, givenUp: 0 };
    const planned = await resume({ ...options, confirm: () => false });
    expect(planned).toMatchObject(found);
    expect(planned.taken).toBeGreaterThan(50);
    expect(restored.log()).not.toContain('leading');
    expect(await resume({ ...options, confirm: () => true })).toMatchObject({ ...found, taken: planned.taken });

    await until('one of them leads', () => restored.log().includes('leading') || second.log().includes('leading'));
    const store = new pg.Client({ connectionString: inDatabase(world.database.url, older) });
    const before = new pg.Client({ connectionString: world.database.url });
    await Promise.all([store.connect(), before.connect()]);
    expect(await facts(store)).toEqual(await facts(before));
    await appendSome(inDatabase(writer, older), 5);
    await until('the outbox is empty', async () => (await store.query('select from event_outbox')).rowCount === 0);
    const { rows } = await store.query<{ event_id: string }>('select event_id from event_store order by 1');
    await Promise.all([store.end(), before.end()]);
    const published = async (): Promise<string[]> => (await compareTopicWithStore(world.kafka, world.database)).topic;
    await until('all are readable', async () => (await published()).length >= rows.length);
    expect(await published()).toEqual(rows.map(({ event_id }) => event_id));
    await expect(resume({ ...options, confirm: () => true })).rejects.toThrow(NotHalted);
  });
});

describe('a broker that was replaced or has lost data', () => {
  let world: World;
  let empty: TestKafka;
  beforeEach(async () => {
    world = await createWorld();
    empty = await createTestKafka({ declarations });
  });
  afterEach(async () => {
    await world.close();
    await empty.drop();
  });

  it("halts the relay; the operator's resume publishes what the topic lacks, in order, once", async () => {
    const since = new Date(Date.now() - 60_000).toISOString();
    const first = world.relay();
    await appendSome(world.database.urlFor('command-api'), 40);
    await first.said('leading');
    await drained(world.database);
    await first.stop();

    await empty.abortOn(topics.accountEvents.name); // a topic with only control and aborted records
    const relay = world.relay({ NAMESPACE: empty.namespace });
    await relay.said('halted');
    await appendSome(world.database.urlFor('command-api'), 5);
    const url = world.database.urlFor('operator');
    const resumed = await resume({ url, kafka: empty.another(), since, why: 'a test', confirm: () => true });
    expect(resumed).toMatchObject({ alreadyPublished: 0, missing: 80, outOfOrder: 0, taken: 0, givenUp: 0, position: undefined });
    await relay.said('leading');
    await drained(world.database);
    const { topic, store, outOfOrder } = await compareTopicWithStore(empty, world.database);
    expect(outOfOrder).toEqual([]);
    expect(topic).toEqual(store);
    expect(topic).toHaveLength(90);
  });
});
