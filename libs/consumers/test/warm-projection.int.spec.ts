import { freshId, type RecordedEvent } from '@tradecore/events';
import { ProjectorBatches, type ProjectorClass } from '@tradecore/consumers';
import { Offsets } from '../src/offsets/offsets.ts';
import { lockingSlots, slotsOf } from '../src/projector/row-table.ts';
import { redrive } from '../src/testing.ts';
import { WarmProjection } from '../src/projector/warm-projection.ts';
import { Counted, counters, counts, Ledgers, Noted, recorded, Spoilt, Tallies, topic } from './counters.ts';
import { openBench, type Bench } from './database.ts';

/** Handles events as one batch; resolves with whether it was warm. */
type Handle = ((...events: RecordedEvent[]) => Promise<boolean>) & { readonly forget: () => void };

/** Makes a process the owner of a partition. */
async function own(bench: Bench, projector: ProjectorClass, partition: number, letters: string[]): Promise<Handle> {
  const batches = new ProjectorBatches(projector, { ...bench.parts, catalogue: counters, kafka: undefined as never });
  const { schema } = batches;
  await batches.open();
  const owner = freshId();
  const offset = `insert into ${schema}.offsets (topic, partition, next_offset, owner) values ($1, $2, 0, $3)`;
  await bench.database.dataSource.query(offset, [topic, partition, owner]);
  await bench.database.dataSource.query(`update ${schema}.projection set version = 1`);
  const offsets = new Offsets({ schema, topics: [topic], state: 'projection', version: 1 });
  let next = 0n;
  const handle = async (...events: RecordedEvent[]): Promise<boolean> => {
    const moves = [{ topic, partition, from: next, to: next + BigInt(events.length) }];
    const message = { topic, partition, offset: next, timestamp: 0, key: null, value: null, headers: {} };
    const before = warm;
    await batches.handle({
      records: events.map((event) => ({ event, message })),
      isolated: false,
      move: offsets.move(moves, owner),
      moveOffsets: (tx) => offsets.advance(tx, moves, owner),
      deadLetter: async (all) => void letters.push(...all.map(({ note }) => note.reason)),
    });
    next += BigInt(events.length);
    return warm > before;
  };
  return Object.assign(handle, { forget: () => batches.forget() });
}

/** Warm batches so far. */
let warm = 0;
const { project } = WarmProjection.prototype;
beforeAll(() => {
  WarmProjection.prototype.project = async function (...parameters) {
    const outcome = await project.apply(this, parameters);
    if (outcome) warm += 1;
    return outcome;
  };
});
afterAll(() => void (WarmProjection.prototype.project = project));

describe('a projector that knows the rows and checkpoints of its last batches', () => {
  let bench: Bench;
  let handle: Handle;
  let letters: string[];
  const id = freshId();

  beforeEach(async () => {
    bench = await openBench();
    handle = await own(bench, Tallies, 0, (letters = []));
  });
  afterEach(() => bench.drop());

  const tally = async () => (await bench.rows('tally_projector.tallies')).find((row) => row['counter_id'] === id)?.['total'];
  const checkpoint = () => bench.checkpoint('tally_projector', id);
  const stored = async () => (await bench.rows('tally_projector.offsets'))[0]?.['next_offset'];

  it('folds new aggregates, and those it knows, by one statement that moves the offset as well', async () => {
    const events = counts(id, 1, 3);
    const other = counts(freshId(), 1, 1);
    await bench.keep(...events, ...other);
    expect(await handle(events[0]!, other[0]!)).toBe(true);
    expect(await handle(events[1]!)).toBe(true);
    expect(await handle(events[2]!)).toBe(true);
    expect([await tally(), await stored()]).toEqual(['3.00', '4']);
    expect(await checkpoint()).toMatchObject({ version: 3, event_id: events[2]!.id });
  });

  it("continues from the database's values, to the last digit and microsecond, even after events that it ignores", async () => {
    const exact = { amount: '1', big: '123456789012345678901234567890.000000001', at: '2026-01-02T03:04:05.000006Z' };
    const events = [recorded(id, 1, new Counted(exact)), recorded(id, 2, new Noted({ text: 'x' })), ...counts(id, 3, 3)];
    await bench.keep(...events);
    for (const event of events) expect(await handle(event)).toBe(true);
    const [row] = await bench.rows('tally_projector.tallies');
    expect(row).toMatchObject({ total: '2.00', details: { amounts: ['1', '1'] } });
    expect(await checkpoint()).toMatchObject({ version: 3 });
  });

  it('loads what it does not know, what changed elsewhere, and what arrives again', async () => {
    const events = counts(id, 1, 6);
    await bench.keep(...events);
    await handle(events[0]!);
    expect(await handle(events[0]!)).toBe(false); // a duplicate
    expect(await handle(events[2]!)).toBe(false); // a gap
    expect(await tally()).toBe('3.00');
    await bench.database.dataSource.query(`update tally_projector.checkpoints set version = 4, event_id = $1`, [events[3]!.id]);
    await bench.database.dataSource.query(`update tally_projector.tallies set total = 4`); // as another owner would
    expect(await handle(events[4]!)).toBe(false);
    expect(await handle(events[5]!)).toBe(true);
    expect([await tally(), await stored()]).toEqual(['6.00', '5']);
  });

  it('knows nothing once its offsets are claimed again: a restored database may use the same ids for other facts', async () => {
    const events = counts(id, 1, 3);
    await bench.keep(...events);
    await handle(events[0]!);
    await bench.database.dataSource.query('update tally_projector.tallies set total = 10');
    handle.forget();
    expect(await handle(events[1]!)).toBe(false);
    expect(await handle(events[2]!)).toBe(true);
    expect(await tally()).toBe('12.00');
  });

  it('trusts no record: a foreign one, another version, other data', async () => {
    const events = counts(id, 1, 2);
    await bench.keep(...events);
    expect(await handle(recorded(freshId(), 1, new Counted({ amount: '1000' })))).toBe(false);
    expect(await handle(events[0]!)).toBe(true);
    expect(await handle({ ...events[1]!, id: freshId() })).toBe(false);
    expect(await handle({ ...events[1]!, data: { amount: '1000' } })).toBe(false);
    expect(letters).toHaveLength(3);
    expect([await tally(), await stored()]).toEqual(['2.00', '4']); // the last one was the stored event
    const later = counts(id, 3, 4);
    await bench.keep(...later);
    expect(await handle({ ...later[0]!, metadata: { account: 'thief' } })).toBe(false);
    expect(await handle(later[1]!)).toBe(true);
    expect([letters.length, await tally()]).toEqual([4, '4.00']);
  });

  it('parks as usual, and forgets a parked aggregate until it is redriven', async () => {
    const events = [...counts(id, 1, 1), recorded(id, 2, new Spoilt({ why: 'water' })), ...counts(id, 3, 3)];
    await bench.keep(...events);
    expect(await handle(events[0]!)).toBe(true);
    expect(await handle(events[1]!)).toBe(false);
    expect(await handle(events[2]!)).toBe(false);
    expect(await checkpoint()).toMatchObject({ version: 1, parked_version: 2 });
    expect(await redrive(Tallies, id, bench.parts)).toMatchObject({ events: 0 });
  });

  it('writes nothing for an owner that has lost its offsets', async () => {
    const events = counts(id, 1, 1);
    await bench.keep(...events);
    await bench.database.dataSource.query('update tally_projector.offsets set owner = gen_random_uuid()');
    await expect(handle(events[0]!)).rejects.toThrow('belongs to');
    expect(await tally()).toBeUndefined();
  });

  it.each([0, 2])('writes nothing into rows of version %i, neither warm nor loaded', async (built) => {
    const events = counts(id, 1, 2);
    await bench.keep(...events);
    await handle(events[0]!);
    await bench.database.dataSource.query('update tally_projector.projection set version = $1', [built]);
    await expect(handle(events[1]!)).rejects.toThrow(`of version ${built}, this build folds version 1`);
    expect([await tally(), await stored()]).toEqual(['1.00', '1']);
  });
});

describe('a projector whose rows many aggregates feed', () => {
  let bench: Bench;
  let letters: string[];
  beforeEach(async () => {
    bench = await openBench('ledger-projector');
    // Only the projector keeps the numbers apart.
    await bench.database.dataSource.query('alter table ledger_projector.entries drop constraint entries_pkey');
    letters = [];
  });
  afterEach(() => bench.drop());

  const ledgers = () => bench.rows('ledger_projector.ledgers');
  /** The numbers of the entries of the account, in order. */
  const numbers = async () => (await bench.rows('ledger_projector.entries')).map(({ sequence }) => Number(sequence));
  const upTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);
  const single = async (count: number): Promise<RecordedEvent[]> => {
    const events = Array.from({ length: count }, () => counts(freshId(), 1, 1)).flat();
    await bench.keep(...events);
    return events;
  };

  it('loads a row once, and then folds whoever feeds it', async () => {
    const handle = await own(bench, Ledgers, 0, letters);
    const [first, second, third, fourth] = await single(4);
    expect(await handle(first!)).toBe(false);
    expect(await handle(second!)).toBe(true);
    expect(await handle(third!, fourth!)).toBe(true);
    expect(await ledgers()).toEqual([{ account: 'acme', sequence: '4' }]);
    expect(await numbers()).toEqual(upTo(4));
  });

  it('loads a row that another process wrote, and assumes nothing of the next batches', async () => {
    const [mine, other] = [await own(bench, Ledgers, 0, letters), await own(bench, Ledgers, 1, letters)];
    const events = await single(56);
    await mine(events[0]!);
    expect(await mine(events[1]!)).toBe(true);
    await other(events[2]!);
    expect(await mine(events[3]!)).toBe(false);
    for (const event of events.slice(4, 54)) expect(await mine(event)).toBe(false);
    expect(await mine(events[54]!)).toBe(true);
    expect(await mine(events[55]!)).toBe(true);
    expect(await numbers()).toEqual(upTo(56));
  });

  it('numbers the entries without a gap when two processes feed a row at once', async () => {
    const handles = await Promise.all([0, 1].map((partition) => own(bench, Ledgers, partition, letters)));
    const streams = await Promise.all(handles.map(() => single(60)));
    const each = handles.map(async (handle, n) => {
      for (const event of streams[n] ?? []) await handle(event);
    });
    await Promise.all(each);
    expect(await ledgers()).toEqual([{ account: 'acme', sequence: '120' }]);
    expect([await numbers(), letters]).toEqual([upTo(120), []]);
  });

  it('waits for no lock, and holds none, once its offsets are lost: a builder may hold it and want the other', async () => {
    const handle = await own(bench, Ledgers, 0, letters);
    const id = freshId();
    const events = counts(id, 1, 3);
    await bench.keep(...events);
    await handle(events[0]!);
    expect(await handle(events[1]!)).toBe(true);
    const { dataSource } = bench.database;
    await dataSource.transaction(async (builder) => {
      await builder.query(`set local lock_timeout = '5s'`);
      await builder.query('select from ledger_projector.offsets for update');
      await builder.query(lockingSlots(1), slotsOf('ledger_projector', ['acme']));
      await builder.query('delete from ledger_projector.ledgers');
      await expect(handle(events[2]!)).rejects.toThrow('locked by another transaction');
      await builder.query('delete from ledger_projector.checkpoints');
    });
    expect(await ledgers()).toEqual([]);
  });

  it('trusts no record of a row that it knows', async () => {
    const handle = await own(bench, Ledgers, 0, letters);
    const [first, second] = await single(2);
    await handle(first!);
    expect(await handle(recorded(freshId(), 1, new Counted({ amount: '1' })))).toBe(false);
    await handle(second!);
    expect([await numbers(), letters]).toEqual([upTo(2), ['foreign']]);
  });
});
