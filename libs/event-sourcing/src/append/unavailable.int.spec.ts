import { freshId } from '@tradecore/events';
import type { Pool, PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { createEventStore, poolLimits, poolOf, type PostgresEventStore } from '../index.ts';
import { CuttingProxy } from '../test/cutting-proxy.ts';
import { createTestDatabase, Tally, tallyCatalogue, TallyRaised, type TestDatabase } from '../testing.ts';

const sessions = 5;

describe('a pool', () => {
  let database: TestDatabase;
  let proxy: CuttingProxy;
  let dataSource: DataSource;
  let pool: Pool;
  let store: PostgresEventStore;
  beforeEach(async () => {
    database = await createTestDatabase({ catalogue: tallyCatalogue });
    proxy = await CuttingProxy.before(database.url);
  });
  afterEach(async () => {
    await store.close();
    await dataSource.destroy();
    await proxy.close();
    await database.drop();
  });

  const open = async (extra: object = {}): Promise<void> => {
    const url = proxy.urlFor(database.urlFor('command-api'));
    dataSource = await new DataSource({
      type: 'postgres',
      url,
      installExtensions: false,
      poolSize: sessions,
      extra,
    }).initialize();
    pool = poolOf(dataSource);
    store = createEventStore({ dataSource, catalogue: tallyCatalogue });
    const clients: PoolClient[] = [];
    for (let n = 0; n < sessions; n += 1) clients.push(await pool.connect());
    for (const client of clients) client.release();
  };
  /** Whether sessions opened from now on are read-only. */
  const demote = (isOn: boolean) =>
    database.dataSource.query(`alter database "${database.name}" set default_transaction_read_only = ${isOn ? 'on' : 'off'}`);
  const save = () => store.saveAggregate(new Tally(freshId()).open('me'));
  const decide = () => {
    const id = freshId();
    const part = () => ({
      ...{ type: 'Tally', id, expected: 0 },
      events: store.prepare({ type: 'Tally', id }, [new TallyRaised({ by: 1 })]),
    });
    return store.decideLocked([{ type: Tally, id }], () => [part()]);
  };
  const refused = { code: 'database-unavailable', kind: 'busy' };

  it('drops the sessions left on a demoted node: saves continue on others', async () => {
    await demote(true);
    await open();
    await demote(false);
    const saves = await Promise.allSettled(Array.from({ length: 20 }, save));
    expect(saves.map(({ status }) => status)).toEqual(saves.map(() => 'fulfilled'));
    for (let n = 0; n < sessions; n += 1) await decide().catch(() => undefined);
    expect((await decide()).outcome).toBe('stored');
  });

  it("reports a database that can't store, and recovers by itself", async () => {
    await demote(true);
    await open();
    await expect(save()).rejects.toMatchObject(refused);
    await expect(decide()).rejects.toMatchObject(refused);
    await demote(false);
    expect((await save()).outcome).toBe('stored');
  });

  it('reports a closed store at once, keeps its sessions, and continues when it opens', async () => {
    await open();
    const set = (closedAt: string) =>
      database.dataSource.query(`update store_identity set closed_at = ${closedAt}, closed_reason = 'a test'`);
    const made = new Tally(freshId()).open('me');
    await store.saveAggregate(made);
    await set('now()');
    const closed = { code: 'store-restored', kind: 'busy' };
    const since = performance.now();
    const saves = await Promise.allSettled([...Array.from({ length: 20 }, save), decide(), decide()]);
    expect(saves.map((each) => each.status === 'rejected' && (each.reason as object))).toEqual(
      saves.map(() => expect.objectContaining(closed)),
    );
    await expect(dataSource.transaction((tx) => store.within(tx).saveAggregate(made.raise(1)))).rejects.toMatchObject(closed);
    expect(performance.now() - since).toBeLessThan(5000); // half of what a save may take
    expect((await store.loadAggregate(Tally, made.id)).version).toBe(1);
    expect(pool.totalCount).toBe(sessions);
    await set('null');
    expect((await save()).outcome).toBe('stored');
  });

  it('drops them for its other users as well', async () => {
    await demote(true);
    await open(poolLimits(1000));
    await demote(false);
    const write = () => dataSource.query('create table here (n int)');
    for (let n = 0; n < sessions; n += 1) await expect(write()).rejects.toMatchObject({ code: '25006' });
    await expect(write()).rejects.toMatchObject({ code: '42501' });
  });

  it('loses no slot to a transaction that could not begin', async () => {
    await open();
    for (let n = 0; n < sessions; n += 1) {
      Object.assign(proxy, { at: 'begin read only', next: 'cut-before' });
      await expect(store.readAll()[Symbol.asyncIterator]().next()).rejects.toThrow('Connection terminated');
      Object.assign(proxy, { at: 'begin isolation', next: 'cut-before' });
      await expect(decide()).rejects.toMatchObject(refused);
    }
    expect(pool.totalCount).toBe(pool.idleCount);
    expect((await save()).outcome).toBe('stored');
  });

  it('gives up on a server that vanished silently, and recovers by itself', async () => {
    await open({ ...poolLimits(200), query_timeout: 300 });
    proxy.isSilent = true;
    const since = performance.now();
    await expect(Promise.all([dataSource.query('select 1'), store.readEvents(freshId())])).rejects.toThrow('Query read timeout');
    expect(performance.now() - since).toBeLessThan(1500);
    proxy.isSilent = false;
    expect((await save()).outcome).toBe('stored');
  });
});
