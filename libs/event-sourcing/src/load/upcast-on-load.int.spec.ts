import { event, freshId, UnknownEvent, type Catalogue } from '@tradecore/events';
import { BaseAggregate, BrokenHistory, createEventStore } from '../index.ts';
import { createTestDatabase, Tally, tallyCatalogue, TallyOpened, type TestDatabase } from '../testing.ts';

/** The next shape of the same event: `by` became `points`, and a unit was added. */
class TallyRaised2 extends event('TallyRaised', 2)<{ readonly points: number; readonly unit: string }> {}

class NewTally extends BaseAggregate<TallyOpened | TallyRaised2> {
  static readonly type = 'Tally';
  units: string[] = [];
  total = 0;
  raise(points: number): this {
    this.apply(new TallyRaised2({ points, unit: 'new' }));
    return this;
  }
  onTallyOpened(): void {
    return;
  }
  onTallyRaised({ data }: TallyRaised2): void {
    this.total += data.points;
    this.units.push(data.unit);
  }
}

const newCatalogue = {
  Tally: {
    ...tallyCatalogue['Tally'],
    events: [TallyOpened, TallyRaised2],
    upcasts: { TallyRaised: { 1: ({ by }: Record<string, unknown>) => ({ points: by, unit: 'old' }) } },
  },
} as unknown as Catalogue;

describe('events of an older shape', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase({ catalogue: tallyCatalogue });
  });
  afterAll(() => database.drop());

  it('are upcast when an aggregate is loaded, and read as stored', async () => {
    const [older, newer] = [tallyCatalogue, newCatalogue].map((catalogue) =>
      createEventStore({ dataSource: database.dataSource, catalogue }),
    );
    if (!older || !newer) throw new Error('two stores');
    const tally = new Tally(freshId()).open('me').raise(2);
    await older.saveAggregate(tally);
    await newer.saveAggregate((await newer.loadAggregate(NewTally, tally.id)).raise(3));

    expect(await newer.loadAggregate(NewTally, tally.id)).toMatchObject({ total: 5, units: ['old', 'new'], version: 3 });
    const stored = (await newer.readEvents(tally.id)).map(({ schemaVersion, data }) => [schemaVersion, data]);
    expect(stored.slice(1)).toEqual([
      [1, { by: 2 }],
      [2, { points: 3, unit: 'new' }],
    ]);
    await expect(older.loadAggregate(Tally, tally.id)).rejects.toThrow(UnknownEvent);
  });

  it('are refused when their history is incomplete', async () => {
    const store = createEventStore({ dataSource: database.dataSource, catalogue: tallyCatalogue });
    const tally = new Tally(freshId()).open('me').raise(1).raise(2);
    await store.saveAggregate(tally);
    class Other extends Tally {
      static override readonly type = 'Other';
    }
    await expect(store.loadAggregate(Other, tally.id)).rejects.toThrow(BrokenHistory);
    await database.dataSource.query('alter table event_store disable trigger event_store_append_only');
    await database.dataSource.query('delete from event_store where aggregate_id = $1 and aggregate_version = 2', [tally.id]);
    await expect(store.loadAggregate(Tally, tally.id)).rejects.toThrow('found Tally version 3 where Tally version 2 belongs');
  });
});
