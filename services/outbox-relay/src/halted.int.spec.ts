import { jest } from '@jest/globals';
import { NotHalted } from '@tradecore/event-sourcing';
import { freshId, topics } from '@tradecore/events';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import pg from 'pg';
import { append, compareTopicWithStore, createWorld, declarations, until, drained, Load, type World } from '../test/world.ts';
import { resume } from './resume.ts';

jest.setTimeout(60_000);

const inDatabase = (url: string, name: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href;

/** Appends `count` new aggregates of two events each. */
async function appendSome(url: string, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (let n = 0; n < count; n += 1) await append(client, [{ id: freshId(), expected: 0, events: 2 }]);
  await client.end();
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

  /** Makes a copy, as a backup would be. */
  async function backUp(): Promise<void> {
    const { dataSource, url, name } = world.database;
    await dataSource.destroy();
    const admin = new pg.Client({ connectionString: inDatabase(url, 'postgres') });
    await admin.connect();
    await admin.query(`create database "${older}" template "${name}"`);
    await admin.end();
    await dataSource.initialize();
  }

  it("halts, writers go on, an operator's word makes the topic hold each stored event once", async () => {
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
    await until('the store goes on', () => load.saves > 50);
    await load.stop();
    await drained(world.database);
    await relay.stop();

    const url = inDatabase(world.database.urlFor('outbox-relay'), older);
    const restored = world.relay({ DATABASE_URL: url });
    const second = world.relay({ DATABASE_URL: url });
    await Promise.all([restored.said('halted'), second.said('halted')]);
    expect(`${restored.log()}${second.log()}`).toContain('the store is an older state of itself');
    await appendSome(inDatabase(writer, older), 5);

    const options = { url, kafka: world.kafka.another(), since };
    expect(await resume({ ...options, dryRun: true })).toMatchObject({ alreadyPublished: 30, missing: 0 });
    expect(restored.log()).not.toContain('leading');
    const resumed = await resume(options);
    expect(resumed).toMatchObject({ alreadyPublished: 30, missing: 0, outOfOrder: 0 });
    expect(resumed.foreign).toBeGreaterThan(50);

    await until('one of them leads', () => restored.log().includes('leading') || second.log().includes('leading'));
    await appendSome(inDatabase(writer, older), 5);
    const restoredStore = new pg.Client({ connectionString: inDatabase(world.database.url, older) });
    await restoredStore.connect();
    await until('the outbox is empty', async () => (await restoredStore.query('select from event_outbox')).rowCount === 0);
    const { rows } = await restoredStore.query<{ event_id: string }>('select event_id from event_store order by 1');
    await restoredStore.end();
    const stored = rows.map(({ event_id }) => event_id);
    expect(stored).toHaveLength(70);
    const published = async (): Promise<string[]> => {
      const { topic } = await compareTopicWithStore(world.kafka, world.database);
      return topic.filter((id) => stored.includes(id));
    };
    await until('all are readable', async () => (await published()).length >= stored.length);
    expect(await published()).toEqual(stored);
    await expect(resume(options)).rejects.toThrow(NotHalted);
  });
});

describe('a broker that is another, or has forgotten', () => {
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

  it("halts, an operator's word publishes what the topic lacks, in order, once", async () => {
    const since = new Date(Date.now() - 60_000).toISOString();
    const first = world.relay();
    await appendSome(world.database.urlFor('command-api'), 40);
    await first.said('leading');
    await drained(world.database);
    await first.stop();

    await empty.abortOn(topics.accountEvents.name); // a topic of nothing but control and aborted records
    const relay = world.relay({ NAMESPACE: empty.namespace });
    await relay.said('halted');
    await appendSome(world.database.urlFor('command-api'), 5);
    const resumed = await resume({ url: world.database.urlFor('outbox-relay'), kafka: empty.another(), since });
    expect(resumed).toMatchObject({ alreadyPublished: 0, missing: 80, outOfOrder: 0, foreign: 0, position: undefined });
    await relay.said('leading');
    await drained(world.database);
    const { topic, store, outOfOrder } = await compareTopicWithStore(empty, world.database);
    expect(outOfOrder).toEqual([]);
    expect(topic).toEqual(store);
    expect(topic).toHaveLength(90);
  });
});
