import { freshId } from '@tradecore/events';
import { runInContext } from '@tradecore/telemetry';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { createEventStore, OutcomeUnknown, type PostgresEventStore } from '../index.ts';
import { CuttingProxy } from '../test/cutting-proxy.ts';
import { createTestDatabase, Tally, tallyCatalogue, type TestDatabase } from '../testing.ts';

describe('a connection lost at commit', () => {
  let database: TestDatabase;
  let proxy: CuttingProxy;
  let through: DataSource;
  let store: PostgresEventStore;
  let direct: PostgresEventStore;
  beforeEach(async () => {
    database = await createTestDatabase({ catalogue: tallyCatalogue });
    proxy = await CuttingProxy.before(database.url);
    const url = proxy.urlFor(database.urlFor('command-api'));
    through = await new DataSource({ type: 'postgres', url, installExtensions: false, logging: false }).initialize();
    store = createEventStore({ dataSource: through, catalogue: tallyCatalogue, saveTimeoutMs: 1500 });
    direct = createEventStore({ dataSource: database.dataSource, catalogue: tallyCatalogue });
  });
  afterEach(async () => {
    await Promise.all([store.close(), direct.close()]);
    await through.destroy();
    await proxy.close();
    await database.drop();
  });

  const versions = async (id: string): Promise<number[]> =>
    (await direct.readEvents(id)).map(({ aggregateVersion }) => aggregateVersion);
  /** The start of the last finished append. */
  const lastAppend = async (): Promise<string> => {
    const rows = (await database.dataSource.query(
      `select coalesce(max(query_start)::text, '') as at from pg_stat_activity
        where datname = current_database() and usename = 'tradecore_test_command_api' and state = 'idle' and query like '%append_events%'`,
    )) as { at: string }[];
    return rows[0]?.at ?? '';
  };
  const until = async (condition: () => Promise<boolean>): Promise<void> => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  it.each(['cut-after', 'cut-before'] as const)('is resolved by sending again: %s the server has it', async (cut) => {
    const tally = new Tally(freshId()).open('me').raise(1);
    proxy.next = cut;
    const saved = await store.saveAggregate(tally);
    expect(proxy.cuts).toBe(1);
    expect(saved).toEqual({ outcome: 'stored', events: await direct.readEvents(tally.id) });
    expect(tally.uncommittedEvents).toEqual([]);
    expect(await versions(tally.id)).toEqual([1, 2]);
  });

  it('is resolved even if another save was appended since', async () => {
    const tally = new Tally(freshId()).open('me');
    proxy.next = 'cut-after';
    proxy.refusing = true; // new connections; the one at hand carries the append
    await store.readEvents(tally.id).catch(() => undefined);
    proxy.refusing = false;
    const saving = store.saveAggregate(tally);
    await until(async () => (await versions(tally.id)).length === 1);
    proxy.refusing = true;
    await direct.saveAggregate((await direct.loadAggregate(Tally, tally.id)).raise(7));
    proxy.refusing = false;
    const { outcome, events } = await saving;
    expect([outcome, events.map(({ aggregateVersion }) => aggregateVersion)]).toEqual(['stored', [1]]);
    expect(await versions(tally.id)).toEqual([1, 2]);
  });

  it('is resolved even if the lost call arrives later, where a lookup of the id wrongly finds nothing', async () => {
    const looked = new Tally(freshId()).open('me');
    proxy.next = 'hold';
    const unknown = store.saveAggregate(looked);
    await until(() => Promise.resolve(proxy.cuts === 1));
    proxy.refusing = true;
    await expect(unknown).rejects.toThrow(OutcomeUnknown);
    expect(await versions(looked.id)).toEqual([]); // the trap: absent now
    proxy.deliver();
    await until(async () => (await versions(looked.id)).length === 1); // and committed later

    proxy.refusing = false;
    const tally = new Tally(freshId()).open('me').raise(1);
    proxy.next = 'hold';
    expect((await store.saveAggregate(tally)).outcome).toBe('stored');
    const before = await lastAppend();
    proxy.deliver(); // the lost call arrives, and finds its ids
    await until(async () => (await lastAppend()) > before);
    await direct.saveAggregate((await direct.loadAggregate(Tally, tally.id)).raise(1));
    expect(await versions(tally.id)).toEqual([1, 2, 3]);
  });

  it('gives outcome-unknown past the deadline, and is resolved by a retry of the same command', async () => {
    const [commandId, id] = [freshId(), freshId()];
    const place = () =>
      runInContext({ correlationId: commandId, commandId }, () => store.saveAggregate(new Tally(id).open('me')));
    proxy.next = 'cut-after';
    const first = place();
    await until(() => Promise.resolve(proxy.cuts === 1));
    proxy.refusing = true;
    await expect(first).rejects.toMatchObject({ code: 'outcome-unknown', kind: 'unknown-outcome' });
    proxy.refusing = false;
    expect((await place()).outcome).toBe('repeated');
    expect(await versions(id)).toEqual([1]);
  });

  it('is refused, not unknown, when no connection was available at all', async () => {
    const fresh = createEventStore({ dataSource: through, catalogue: tallyCatalogue, saveTimeoutMs: 200 });
    proxy.refusing = true;
    proxy.breakAll();
    const { master: pool } = through.driver as unknown as { master: Pool };
    await until(() => Promise.resolve(pool.totalCount === 0));
    await expect(fresh.saveAggregate(new Tally(freshId()).open('me'))).rejects.toMatchObject({
      code: 'database-unavailable',
      kind: 'busy',
    });
  });

  it('neither loses nor duplicates any of many saves in flight when all connections are killed repeatedly', async () => {
    const tallies = Array.from({ length: 200 }, () => new Tally(freshId()).open('me').raise(1).raise(1));
    const patient = createEventStore({ dataSource: through, catalogue: tallyCatalogue });
    let done = false;
    const saving = (async () => {
      const settled: PromiseSettledResult<{ outcome: string }>[] = [];
      for (let start = 0; start < tallies.length; start += 20) {
        settled.push(
          ...(await Promise.allSettled(tallies.slice(start, start + 20).map((tally) => patient.saveAggregate(tally)))),
        );
      }
      done = true;
      return settled;
    })();
    let killed = 0;
    while (!done) {
      const before = await lastAppend();
      const [row] = (await database.dataSource.query(
        `select count(pg_terminate_backend(pid))::int as n from pg_stat_activity
          where usename = 'tradecore_test_command_api' and datname = current_database()`,
      )) as { n: number }[];
      killed += row?.n ?? 0;
      await until(async () => done || (await lastAppend()) > before);
    }
    const outcomes = await saving;
    expect(killed).toBeGreaterThan(5);
    for (const [index, outcome] of outcomes.entries()) {
      const stored = await versions(tallies[index]?.id as string);
      if (outcome.status === 'fulfilled') expect(stored).toEqual([1, 2, 3]);
      else expect([[], [1, 2, 3]]).toContainEqual(stored);
    }
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(100);
  });
});
