import { freshId } from '@tradecore/events';
import { runInContext } from '@tradecore/telemetry';
import { Client, escapeLiteral, type Pool } from 'pg';
import { DataSource } from 'typeorm';
import { appendCall } from './append-events.ts';
import {
  Busy,
  ConcurrencyException,
  createEventStore,
  DatabaseUnavailable,
  InvalidSave,
  type PartToSave,
  type PostgresEventStore,
} from '../index.ts';
import { CuttingProxy } from '../test/cutting-proxy.ts';
import { saveOf } from '../test/parts.ts';
import { createTestDatabase, Gate, Tally, tallyCatalogue, TallyRaised, type TestDatabase } from '../testing.ts';

describe('a decision under locks', () => {
  let database: TestDatabase;
  let proxy: CuttingProxy;
  let dataSource: DataSource;
  let store: PostgresEventStore;
  let direct: PostgresEventStore;
  beforeEach(async () => {
    database = await createTestDatabase({ catalogue: tallyCatalogue, services: ['order-projector'] });
    proxy = await CuttingProxy.before(database.url);
    const url = proxy.urlFor(database.urlFor('command-api'));
    dataSource = await new DataSource({ type: 'postgres', url, installExtensions: false }).initialize();
    store = createEventStore({ dataSource, catalogue: tallyCatalogue });
    direct = createEventStore({ dataSource: database.dataSource, catalogue: tallyCatalogue });
  });
  afterEach(async () => {
    await Promise.all([store.close(), direct.close()]);
    await dataSource.destroy();
    await proxy.close();
    await database.drop();
  });

  const tally = async (): Promise<string> => {
    const made = new Tally(freshId()).open('me');
    await direct.saveAggregate(made);
    return made.id;
  };
  const raise = (id: string, expected: number): PartToSave => {
    const target = { type: 'Tally', id };
    return { ...target, expected, events: store.prepare(target, [new TallyRaised({ by: 1 })]) };
  };
  const decide = (id: string, meanwhile: () => void = () => undefined, waitMs = 2000) =>
    store.decideLocked(
      [{ type: Tally, id }],
      (loaded) => {
        meanwhile();
        return [raise(id, loaded.get(Tally, id).aggregate.version)];
      },
      { waitMs },
    );
  const total = async (id: string): Promise<number> => (await direct.loadAggregate(Tally, id)).total;
  const inUse = (): number => {
    const { master: pool } = dataSource.driver as unknown as { master: Pool };
    return pool.totalCount - pool.idleCount;
  };

  it('waits for the holder of the aggregate, and decides on the result', async () => {
    const id = await tally();
    const holder = database.dataSource.createQueryRunner();
    await holder.startTransaction();
    await direct.within(holder).saveAggregate((await direct.loadAggregate(Tally, id)).raise(10));
    const deciding = decide(id);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await holder.commitTransaction();
    await holder.release();
    expect((await deciding).events).toMatchObject([{ aggregateVersion: 3 }]);
  });

  it("is busy when it can't get the lock in time, and leaves no transaction behind", async () => {
    const id = await tally();
    const holder = database.dataSource.createQueryRunner();
    await holder.startTransaction();
    await direct.within(holder).loadLocked([{ type: Tally, id }]);
    const since = performance.now();
    await expect(decide(id, undefined, 100)).rejects.toThrow(Busy);
    expect(performance.now() - since).toBeLessThan(1000);
    await holder.rollbackTransaction();
    await holder.release();
    expect((await decide(id)).outcome).toBe('stored');
    const open = await database.dataSource.query(
      `select from pg_stat_activity where datname = current_database() and usename like '%command_api' and state like 'idle in%'`,
    );
    expect(open).toHaveLength(0);
  });

  it('reads asserted aggregates without locking them, and conflicts when one has changed since', async () => {
    const [id, gate] = [await tally(), new Gate(freshId()).turn(true)];
    await direct.saveAggregate(gate);
    const under = (expected: number) =>
      store.decideLocked(
        [
          { type: Tally, id },
          { type: Gate, id: gate.id },
        ],
        (loaded) => {
          expect(loaded.get(Gate, gate.id).aggregate.version).toBe(1);
          return [raise(id, loaded.get(Tally, id).aggregate.version), { type: 'Gate', id: gate.id, expected, events: [] }];
        },
      );
    const holder = database.dataSource.createQueryRunner();
    await holder.startTransaction();
    await holder.query('select from stream_heads where aggregate_id = $1 for update', [gate.id]);
    expect((await under(1)).outcome).toBe('stored');
    await holder.rollbackTransaction();
    await holder.release();
    await expect(under(0)).rejects.toMatchObject({ conflicts: [{ aggregateId: gate.id, expected: 0, found: 1 }] });
    expect(await total(id)).toBe(1);
  });

  it('of a frozen process is ended by the server, and conflicts with what another process stored meanwhile', async () => {
    const id = await tally();
    const rival = new Client(database.urlFor('command-api'));
    await rival.connect();
    const save = saveOf(tallyCatalogue, [new Tally(id).open('rival')], 1);
    const { text, ...bound } = appendCall([save], 10_000);
    const values = bound.values.map((value) => escapeLiteral(String(value)));
    const call = text.replace(/\$(\d)/g, (_, number: string) => values[Number(number) - 1] ?? '');
    // The server has it before the process freezes.
    const storing = rival.query(`select pg_sleep(0.5); ${call}`) as unknown as Promise<{ rows: unknown[] }[]>;
    const frozen = decide(id, () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000));
    await expect(frozen).rejects.toThrow(ConcurrencyException);
    expect((await storing)[1]?.rows).toMatchObject([{ verdict: 'stored' }]);
    expect(await total(id)).toBe(0);
    await rival.end();
  });

  it('is stored once when the connection breaks at its append or its commit', async () => {
    const id = await tally();
    for (const [at, cut] of [
      ['append_events', 'cut-before'],
      ['append_events', 'cut-after'],
      ['commit\0', 'cut-before'],
      ['commit\0', 'cut-after'],
    ] as const) {
      const before = await total(id);
      Object.assign(proxy, { at, next: cut });
      expect((await decide(id)).outcome).toBe('stored');
      expect(proxy.next).toBeUndefined();
      expect(await total(id)).toBe(before + 1);
    }
  });

  it('is a repeat when the lost commit was of a command', async () => {
    const id = await tally();
    Object.assign(proxy, { at: 'commit\0', next: 'cut-after' });
    const context = { correlationId: freshId(), commandId: freshId() };
    const { outcome, events } = await runInContext(context, () => decide(id));
    expect(outcome).toBe('repeated');
    expect(events).toEqual(await direct.readEvents(id, { from: 2 }));
  });

  it('is refused, and nothing is stored, when the connection breaks before anything is decided', async () => {
    const id = await tally();
    Object.assign(proxy, { at: 'load_locked', next: 'cut-after' });
    await expect(decide(id)).rejects.toThrow(DatabaseUnavailable);
    expect(await total(id)).toBe(0);
  });

  it('is refused to a service that does not write the type, and its connection is returned', async () => {
    const id = await tally();
    const other = createEventStore({ dataSource: await database.dataSourceFor('order-projector'), catalogue: tallyCatalogue });
    await expect(other.decideLocked([{ type: Tally, id }], () => [])).rejects.toThrow('does not write');
    const opening = direct.prepare({ type: 'Tally', id }, [new TallyRaised({ by: 1 })]);
    const saga = createEventStore({ dataSource: await database.dataSourceFor('order-saga'), catalogue: tallyCatalogue });
    const reopened = new Tally(freshId()).open('me');
    const refused = saga.decideLocked([{ type: Tally, id }], () => [
      { type: 'Tally', id, expected: 1, events: opening },
      ...saveOf(tallyCatalogue, [reopened]).parts,
    ]);
    await expect(refused).rejects.toThrow(InvalidSave);
    expect(await total(id)).toBe(0);
    await Promise.all([other.close(), saga.close()]);
  });

  it('takes at most three connections, and others wait their turn', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, tally));
    const saves = ids.map((id) => decide(id, () => expect(inUse()).toBeLessThanOrEqual(3)));
    expect((await Promise.all(saves)).map(({ outcome }) => outcome)).toEqual(ids.map(() => 'stored'));
    const holder = database.dataSource.createQueryRunner();
    await holder.startTransaction();
    await direct.within(holder).loadLocked(ids.slice(0, 3).map((id) => ({ type: Tally, id })));
    const waiting = Promise.allSettled(ids.map((id) => decide(id, undefined, 300)));
    for (const outcome of (await waiting).slice(0, 3)) expect(outcome).toMatchObject({ reason: expect.any(Busy) });
    await holder.rollbackTransaction();
    await holder.release();
  });
});
