import { setTimeout as sleep } from 'node:timers/promises';
import { freshId } from '@tradecore/events';
import { runInContext } from '@tradecore/telemetry';
import type { DataSource, QueryRunner } from 'typeorm';
import { createEventStore, type PartToSave, type PostgresEventStore } from '../index.ts';
import { partOf } from '../test/parts.ts';
import { createTestDatabase, Tally, tallyCatalogue, TallyRaised, type TestDatabase } from '../testing.ts';

const times = { saveTimeoutMs: 500, answerTimeoutMs: 120 };

describe('a save whose commit hangs', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let store: PostgresEventStore;
  let direct: PostgresEventStore;
  let id: string;
  /** While it holds its lock, no append commits. */
  let holder: QueryRunner;
  beforeEach(async () => {
    database = await createTestDatabase({ catalogue: tallyCatalogue });
    dataSource = await database.dataSourceFor('command-api');
    store = createEventStore({ dataSource, catalogue: tallyCatalogue, ...times });
    direct = createEventStore({ dataSource: database.dataSource, catalogue: tallyCatalogue });
    id = freshId();
    await direct.saveAggregate(new Tally(id).open('me'));
    await database.dataSource.query(
      `create function hang() returns trigger language plpgsql as $$ begin
         while not pg_try_advisory_xact_lock_shared(1) loop perform pg_sleep(0.01); end loop;
         return null;
       end $$;
       create constraint trigger hang after insert on event_store deferrable initially deferred for each row execute function hang()`,
    );
    holder = database.dataSource.createQueryRunner();
    await holder.query('select pg_advisory_lock(1)');
  });
  afterEach(async () => {
    await holder.query('select pg_advisory_unlock_all()');
    await holder.release();
    await Promise.all([store.close(), direct.close()]);
    await database.drop();
  });

  const raise = (): PartToSave => {
    const target = { type: 'Tally', id };
    return { ...target, expected: 1, events: store.prepare(target, [new TallyRaised({ by: 1 })]) };
  };
  const ways: Record<string, () => Promise<unknown>> = {
    'at once': () => store.savePrepared([raise()]),
    'refusing to wait': () => store.savePrepared([raise()], { onBusy: 'refuse' }),
    'under its lock': () => store.decideLocked([{ type: Tally, id }], () => [raise()]),
  };
  /** The events of the aggregate once commits no longer hang and none is under way. */
  const stored = async (): Promise<number> => {
    await holder.query('select pg_advisory_unlock_all()');
    const underWay = `select from pg_stat_activity where datname = current_database() and state = 'active' and pid <> pg_backend_pid()`;
    while ((await holder.query(underWay)).length > 0) await sleep(10);
    return (await direct.readEvents(id)).length;
  };

  it.each(Object.keys(ways))('is reported as unknown, not busy, and commits later: %s', async (way) => {
    await expect(ways[way]?.()).rejects.toMatchObject({ code: 'outcome-unknown', kind: 'unknown-outcome' });
    expect(await stored()).toBe(2);
  });

  it('stays unknown on a retry until it is decided; another save of the aggregate is busy', async () => {
    const command = { correlationId: freshId(), commandId: freshId() };
    const again = (how: 'plain' | 'locked') =>
      runInContext(command, () => {
        const part = raise();
        const lookups = part.events.map((event) => event.id);
        return how === 'plain'
          ? store.savePrepared([part], { onBusy: 'refuse' })
          : store.decideLocked([{ type: Tally, id }], () => [part], { lookups, waitMs: 60 });
      });
    await expect(again('plain')).rejects.toMatchObject({ code: 'outcome-unknown' });
    await expect(again('locked')).rejects.toMatchObject({ code: 'outcome-unknown' });
    const other = store.savePrepared([partOf(tallyCatalogue, (await direct.loadAggregate(Tally, id)).raise(7))]);
    await expect(other).rejects.toMatchObject({ code: 'store-busy' });
    expect(await stored()).toBe(2);
    await expect(again('plain')).resolves.toMatchObject({ outcome: 'repeated' });
  });
});
