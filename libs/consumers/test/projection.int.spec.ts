import { freshId, writtenBy } from '@tradecore/events';
import type { RecordedEvent } from '@tradecore/events';
import type { IncomingMessage } from '@tradecore/messaging';
import { inTransaction, ModelDiverged, type ProjectorClass } from '@tradecore/consumers';
import type { Arrival, Projection } from '../src/projector/projection.ts';
import type { Outcome } from '../src/projector/outcome.ts';
import { redrive } from '../src/testing.ts';
import { Counted, counts, Ledgers, Noted, recorded, Spoilt, Tallies, topic } from './counters.ts';
import { openBench, openCore, type Bench } from './database.ts';

/** A record of the log; its bytes do not matter below the consumer. */
const record = (event: RecordedEvent): Arrival => {
  const message: IncomingMessage = { topic, partition: 0, offset: 0n, timestamp: 0, key: null, value: null, headers: {} };
  return { event, message };
};

describe('a projection, inside a transaction', () => {
  let bench: Bench;
  let core: Projection;
  const id = freshId();

  const open = async (projector: ProjectorClass, service?: string) => {
    bench = await openBench(service);
    core = await openCore(projector, bench);
  };
  beforeEach(() => open(Tallies));
  afterEach(() => bench.drop());

  const project = (...events: RecordedEvent[]): Promise<Outcome> =>
    inTransaction(bench.dataSource, (tx) => core.project(tx, events.map(record)));
  const oneByOne = (...events: RecordedEvent[]): Promise<Outcome> =>
    inTransaction(bench.dataSource, (tx) => core.oneByOne(tx, events.map(record)));
  const total = async (of = id) =>
    (await bench.rows('tally_projector.tallies')).find((row) => row['counter_id'] === of)?.['total'];
  const checkpoint = (of = id) => bench.checkpoint('tally_projector', of);

  it('folds, and remembers the last event of each aggregate, ignored types included', async () => {
    const [one, two] = counts(id, 1, 2) as [RecordedEvent, RecordedEvent];
    const noted = recorded(id, 3, new Noted({ text: 'x' }));
    await bench.keep(one, two, noted);
    const outcome = await project(one, two, noted);
    expect(outcome).toMatchObject({ events: 3, duplicates: 0, gaps: 0, foreign: [], parked: [] });
    expect(await total()).toBe('2.00');
    expect(await checkpoint()).toMatchObject({ version: 3, event_id: noted.id, parked_version: null });
  });

  it('skips duplicates, in one batch and in the next', async () => {
    const events = counts(id, 1, 3);
    await bench.keep(...events);
    expect(await project(...events, ...events)).toMatchObject({ events: 3, duplicates: 3 });
    expect(await project(...events)).toMatchObject({ events: 0, duplicates: 3 });
    expect(await total()).toBe('3.00');
  });

  it('fills a gap from the store', async () => {
    const events = counts(id, 1, 9);
    await bench.keep(...events);
    await project(events[0]!);
    expect(await project(events[6]!, events[8]!)).toMatchObject({ events: 8, gaps: 2 });
    expect(await total()).toBe('9.00');
    expect(await project(...events)).toMatchObject({ events: 0, duplicates: 9 });
  });

  it('gives folds exactly what they wrote: decimals, big numbers, microseconds, absent properties', async () => {
    const exact = { amount: '1', big: '123456789012345678901234567890.000000001', at: '2026-01-02T03:04:05.000006Z' };
    const events = [recorded(id, 1, new Counted(exact)), recorded(freshId(), 1, new Counted({ amount: '2' }))];
    await bench.keep(...events);
    await project(...events);
    const { table } = core['parts'];
    const rows = await inTransaction(bench.dataSource, (tx) =>
      table.load(
        tx,
        events.map(({ aggregateId }) => aggregateId),
      ),
    );
    expect(rows.get(id)).toEqual({
      counterId: id,
      total: '1',
      bigNumber: exact.big,
      lastAt: exact.at,
      details: { amounts: ['1'] },
    });
    expect(rows.get(events[1]!.aggregateId)).toEqual({
      counterId: events[1]!.aggregateId,
      total: '2',
      details: { amounts: ['2'] },
    });
  });

  it('ignores a record that differs from the store: foreign, wrong aggregate, wrong version', async () => {
    const other = freshId();
    const events = [...counts(id, 1, 2), ...counts(other, 1, 1)];
    await bench.keep(...events);
    const [one, two, elsewhere] = events as [RecordedEvent, RecordedEvent, RecordedEvent];
    const strangers = [
      recorded(id, 3, new Counted({ amount: '1000' })),
      recorded(id, 2, new Counted({ amount: '1000' })),
      recorded(freshId(), 1, new Counted({ amount: '1000' })),
      { ...elsewhere, aggregateId: id, aggregateVersion: 2 },
      { ...one, aggregateVersion: 2 },
      recorded(id, 2_147_483_647, new Counted({ amount: '1000' })),
    ];
    const outcome = await project(one, ...strangers, two, elsewhere);
    expect(outcome).toMatchObject({ events: 3, parked: [] });
    expect(outcome.foreign).toHaveLength(strangers.length);
    expect(await bench.rows('tally_projector.checkpoints')).toHaveLength(2);
    expect(await total()).toBe('2.00');
  });

  it.each<[string, Partial<RecordedEvent>]>([
    ['data', { data: { amount: '1000' } }],
    ['data that cannot be folded', { data: { amount: 'five' } }],
    ['type', { type: 'Noted' }],
    ['account', { metadata: { account: 'thief' } }],
    ['time', { time: '2020-01-02T03:04:05.000006Z' }],
    ['aggregate type', { aggregateType: 'Order' }],
  ])('trusts the store when a record with forged %s arrives first', async (_, forged) => {
    const event = recorded(id, 1, new Counted({ amount: '5' }));
    await bench.keep(event);
    const outcome = await project({ ...event, ...forged });
    expect(outcome).toMatchObject({ events: 1, foreign: [{ detail: expect.stringContaining('differs') }], parked: [] });
    expect(await total()).toBe('5.00');
    expect(await project(event)).toMatchObject({ events: 0, duplicates: 1, foreign: [] });
  });

  it('stops when it holds an event that the store does not', async () => {
    const events = counts(id, 1, 3);
    await bench.keep(...events);
    await project(events[0]!, events[1]!);
    await bench.database.dataSource.query(`update tally_projector.checkpoints set event_id = $1`, [freshId()]);
    await expect(project(events[1]!)).rejects.toThrow(ModelDiverged);
    await bench.database.dataSource.query(`update tally_projector.checkpoints set version = 1`);
    await expect(project(events[2]!)).rejects.toThrow(ModelDiverged);
    expect(await total()).toBe('2.00');
  });

  it("parks the aggregate whose stored event can't be folded; all others go on", async () => {
    const other = freshId();
    const spoilt = recorded(id, 2, new Spoilt({ why: 'water' }));
    const events = [...counts(id, 1, 1), spoilt, ...counts(id, 3, 4), ...counts(other, 1, 2)];
    await bench.keep(...events);
    expect(await project(...events)).toMatchObject({ events: 3, parked: [{ aggregateId: id, reason: 'fold-failed' }] });
    expect(await total()).toBe('1.00');
    expect(await total(other)).toBe('2.00');
    expect(await checkpoint()).toMatchObject({ version: 1, parked_version: 2, parked_reason: 'fold-failed: spoilt by water' });
    expect(await project(...counts(id, 5, 5))).toMatchObject({ events: 0, parked: [], foreign: [expect.anything()] });
    expect(await bench.rows('tally_projector.parked')).toMatchObject([{ aggregate_id: id, version: 2 }]);
  });

  it.each<[string, Partial<RecordedEvent>]>([
    ['type', { type: 'Exploded' }],
    ['schema version', { schemaVersion: 7 }],
  ])('parks at an unknown %s, and a redrive by a build that knows it fills the gap', async (_, changes) => {
    const events = [...counts(id, 1, 1), recorded(id, 2, new Counted({ amount: '10' }), changes), ...counts(id, 3, 3)];
    await bench.keep(...events);
    expect((await project(...events)).parked).toEqual([{ aggregateId: id, reason: 'unknown-event' }]);
    expect(await redrive(Tallies, id, bench.parts)).toMatchObject({
      events: 0,
      parkedAgain: expect.stringContaining('unknown-event'),
    });
    const newer = class extends Counted {
      static override readonly type = (changes.type ?? 'Counted') as 'Counted';
      static override readonly schemaVersion = (changes.schemaVersion ?? 1) as 1;
    };
    const upcasts = {
      Counted: Object.fromEntries([1, 2, 3, 4, 5, 6].map((from) => [from, (data: Record<string, unknown>) => data])),
    };
    const catalogue = {
      Counter: { type: 'Counter', topic, ...writtenBy('x', [newer, ...(changes.type ? [Counted] : [])]), upcasts },
    };
    expect(await redrive(Tallies, id, { ...bench.parts, catalogue })).toEqual({ events: 2 });
    expect(await checkpoint()).toMatchObject({ version: 3, parked_version: null, parked_at: null });
    expect(await total()).toBe(changes.type ? '2.00' : '12.00');
  });

  it('parks the aggregate whose row PostgreSQL refuses, at that event; its neighbours pass', async () => {
    const other = freshId();
    const huge = recorded(id, 2, new Counted({ amount: '99999999999' }));
    const events = [...counts(id, 1, 1), huge, ...counts(id, 3, 3), ...counts(other, 1, 2)];
    await bench.keep(...events);
    await expect(project(...events)).rejects.toMatchObject({ code: '22003' });
    const outcome = await oneByOne(...events);
    expect(outcome).toMatchObject({ events: 3, parked: [{ aggregateId: id, reason: 'row-refused' }] });
    expect(await total()).toBe('1.00');
    expect(await total(other)).toBe('2.00');
    expect(await checkpoint()).toMatchObject({ version: 1, parked_version: 2 });
  });

  it('loses nothing when two batches create the same shared row at once', async () => {
    await bench.drop();
    await open(Ledgers, 'ledger-projector');
    const streams = Array.from({ length: 8 }, () => counts(freshId(), 1, 5));
    await bench.keep(...streams.flat());
    await Promise.all(streams.map((events) => project(...events)));
    expect(await bench.rows('ledger_projector.ledgers')).toEqual([{ account: 'acme', sequence: '40' }]);
    const entries = await bench.rows('ledger_projector.entries');
    expect(entries.map((row) => Number(row['sequence'])).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 40 }, (_, n) => n + 1),
    );
    expect(new Set(entries.map((row) => row['event_id'])).size).toBe(40);
  });

  it('keeps others out: a reader sees only exported views, another projector nothing', async () => {
    const reader = await bench.database.dataSourceFor('query-api');
    await expect(reader.query('select * from tally_projector.progress')).resolves.toEqual([]);
    await expect(reader.query('select * from tally_projector.checkpoints')).rejects.toThrow('permission denied');
    const neighbour = await bench.database.dataSourceFor('ledger-projector');
    await expect(neighbour.query('select * from tally_projector.progress')).rejects.toThrow('permission denied');
  });
});
