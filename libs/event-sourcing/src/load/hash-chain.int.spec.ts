import { readFileSync } from 'node:fs';
import { freshId } from '@tradecore/events';
import { runInContext } from '@tradecore/telemetry';
import { createEventStore } from '../index.ts';
import { eventHash, firstPrevious, verifyChains, type ChainFault, type HashedFields } from './hash-chain.ts';
import { createTestDatabase, Tally, tallyCatalogue, type TestDatabase } from '../testing.ts';

interface Vectors {
  aggregateType: string;
  aggregateId: string;
  firstPrevious: string;
  events: (HashedFields & { hash: string })[];
}
const vectors = JSON.parse(readFileSync(new URL('../../golden/hash-vectors.json', import.meta.url), 'utf8')) as Vectors;

describe('the hash chain', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase({ catalogue: tallyCatalogue });
  });
  afterAll(() => database.drop());

  it('matches the vectors in TypeScript', () => {
    let previous = firstPrevious(vectors.aggregateType, vectors.aggregateId);
    expect(previous.toString('hex')).toBe(vectors.firstPrevious);
    for (const event of vectors.events) {
      previous = eventHash(previous, event);
      expect(previous.toString('hex')).toBe(event.hash);
    }
  });

  it('matches the vectors in SQL', async () => {
    const [first] = (await database.dataSource.query(`select encode(first_previous($1, $2), 'hex') as hash`, [
      vectors.aggregateType,
      vectors.aggregateId,
    ])) as { hash: string }[];
    expect(first?.hash).toBe(vectors.firstPrevious);
    const rows = (await database.dataSource.query(
      `select encode(event_chain(decode($1, 'hex'), event_fields(id, type, version, "schemaVersion",
                timestamptz 'epoch' + microseconds * interval '1 microsecond', "correlationId", "causationId", "sagaId", data, metadata))
              over (order by n), 'hex') as hash
         from rows from (jsonb_to_recordset($2) as (id uuid, type text, version int, "schemaVersion" int, microseconds bigint,
                "correlationId" uuid, "causationId" uuid, "sagaId" uuid, data text, metadata text)) with ordinality
           as e (id, type, version, "schemaVersion", microseconds, "correlationId", "causationId", "sagaId", data, metadata, n)`,
      [vectors.firstPrevious, JSON.stringify(vectors.events)],
    )) as { hash: string }[];
    expect(rows.map(({ hash }) => hash)).toEqual(vectors.events.map(({ hash }) => hash));
  });

  it('holds for stored events across saves, multiple events and every field', async () => {
    const store = createEventStore({ dataSource: database.dataSource, catalogue: tallyCatalogue });
    const tally = new Tally(freshId()).open('me').raise(1, 'Grüße \\ "😀"').raise(2);
    const ids = { correlationId: freshId(), causationId: freshId(), sagaId: freshId(), account: freshId(), actor: 'me' };
    await runInContext(ids, () => store.saveAggregate(tally));
    await store.saveAggregate(tally.raise(3));
    expect(await verified(tally.id)).toEqual({ events: 4, faults: [] });
  });

  it.each([
    [
      'a changed fact',
      `update event_store set event_data = '{"by": 1000000}' where aggregate_id = $1 and aggregate_version = 2`,
      'changed',
      2,
    ],
    [
      'a changed time',
      `update event_store set "timestamp" = "timestamp" + interval '1 us' where aggregate_id = $1 and aggregate_version = 1`,
      'changed',
      1,
    ],
    ['a removed event', `delete from event_store where aggregate_id = $1 and aggregate_version = 2`, 'missing', 3],
    ['a removed last event', `delete from event_store where aggregate_id = $1 and aggregate_version = 3`, 'head', 2],
    ['a removed aggregate', `delete from event_store where aggregate_id = $1`, 'head', 0],
  ])('shows %s, even when the owner switched the trigger off', async (_, tampering, fault, version) => {
    const store = createEventStore({ dataSource: database.dataSource, catalogue: tallyCatalogue });
    const tally = new Tally(freshId()).open('me').raise(1).raise(2);
    await store.saveAggregate(tally);
    await database.dataSource.query('alter table event_store disable trigger event_store_append_only');
    await database.dataSource.query(tampering, [tally.id]);
    await database.dataSource.query('alter table event_store enable trigger event_store_append_only');
    expect((await verified(tally.id)).faults).toEqual([{ aggregateId: tally.id, version, fault }]);
    expect((await verified()).faults).toContainEqual({ aggregateId: tally.id, version, fault });
  });

  it('is followed across pages of any size', async () => {
    const store = createEventStore({ dataSource: database.dataSource, catalogue: tallyCatalogue });
    const tally = new Tally(freshId()).open('me');
    for (let n = 1; n <= 6; n += 1) tally.raise(n);
    await store.saveAggregate(tally);
    for (const pageSize of [1, 2, 7, 100]) expect(await verified(tally.id, pageSize)).toEqual({ events: 7, faults: [] });
  });

  /** All pages together. */
  async function verified(aggregateId?: string, pageSize?: number): Promise<{ events: number; faults: ChainFault[] }> {
    const sum = { events: 0, faults: [] as ChainFault[] };
    const options = {
      ...(aggregateId !== undefined && { aggregateIds: [aggregateId] }),
      ...(pageSize !== undefined && { pageSize }),
    };
    for await (const { events, faults } of verifyChains(database.dataSource, options)) {
      sum.events += events;
      sum.faults.push(...faults);
    }
    return sum;
  }
});
