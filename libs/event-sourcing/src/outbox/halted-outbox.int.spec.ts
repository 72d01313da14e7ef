import { catalogue, freshId } from '@tradecore/events';
import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from '../testing.ts';
import { HaltedOutbox, NotHalted, Outbox, type Decision, type GivenUp, type PublishedEvent, type Resumed } from '../index.ts';

const since = '2026-01-01T00:00:00.000Z';

interface Told {
  readonly of: string;
  readonly version: number;
  readonly id?: string;
  readonly save?: string;
  readonly events?: number;
  readonly data?: string;
}

let next = 0n;
/** An event as it is on a topic. */
const told = ({ of, version, id = freshId(), save = id, events = 1, data = '{"text": "x"}' }: Told): PublishedEvent => ({
  ...{ id, aggregateId: of, aggregateType: 'Order', aggregateVersion: version, type: 'OrderPlaced', schemaVersion: 1 },
  ...{ dataText: data, time: `2026-11-27T00:00:0${version}.000001Z`, correlationId: null, causationId: null, sagaId: null },
  metadata: { account: 'acme' },
  save: { name: save, events },
  ...{ topic: 'transport.order-events', partition: 0, offset: (next += 1n) },
});

describe('what an operator decides about a closed store', () => {
  let database: TestDatabase;
  let writer: Client;
  const held = freshId();
  const heldEvent = freshId();
  beforeEach(async () => {
    database = await createTestDatabase();
    writer = new Client({ connectionString: database.urlFor('command-api') });
    await writer.connect();
    await append(held, heldEvent, 0);
    await database.dataSource.query('delete from event_outbox');
    await database.dataSource.query(`select operate.close_store('restored')`);
  });
  afterEach(async () => {
    await writer.end();
    await database.drop();
  });

  const append = async (aggregate: string, event: string, expected: number): Promise<void> => {
    const events = JSON.stringify([{ v: 1, d: { text: 'mine' }, m: {} }]);
    await writer.query('select * from append_events($1, $2, $3, $4, $5, $6, $7, $8)', [
      ...[[1], [aggregate], ['Order'], [expected], [1], [event], ['OrderPlaced'], events],
    ]);
  };
  const identity = async (): Promise<Record<string, unknown>> => {
    const [row] = await database.dataSource.query<Record<string, unknown>[]>('select * from store_identity');
    return row as Record<string, unknown>;
  };
  const resume = async (
    events: readonly PublishedEvent[],
    { commit = true, ...decision }: Partial<Decision> & { commit?: boolean } = {},
  ): Promise<{ resumed: Resumed; givenUp: GivenUp[] }> => {
    const outbox = await HaltedOutbox.open(database.urlFor('operator'));
    try {
      await outbox.tell(events);
      const given = { since, position: 7n, catalogue, forgetTail: false, why: 'a test', ...decision };
      const found = { resumed: await outbox.decide(given), givenUp: await outbox.givenUp(100) };
      if (commit) await outbox.commit();
      return found;
    } finally {
      await outbox.close();
    }
  };
  const whyOf = (givenUp: readonly GivenUp[]): Record<string, string> =>
    Object.fromEntries(givenUp.map(({ eventId, why }) => [eventId, why]));

  it('takes back whole saves that follow the heads, and opens under the same epoch; a plan changes nothing', async () => {
    const other = freshId();
    const save = { save: '9.3', events: 3 };
    const tail = [
      told({ of: held, version: 3 }),
      told({ of: other, version: 1, ...save }),
      told({ of: other, version: 2, ...save }),
      told({ of: held, version: 2, ...save }),
    ];
    const before = await identity();
    expect((await resume(tail, { commit: false })).resumed).toMatchObject({ taken: 4, givenUp: 0, missing: 1 });
    expect(await identity()).toEqual(before);
    await expect(append(other, freshId(), 0)).rejects.toMatchObject({ code: 'TC003' });

    expect((await resume([...tail, tail[0] as PublishedEvent])).resumed).toMatchObject({ taken: 4, givenUp: 0, missing: 1 });
    expect(await identity()).toMatchObject({ closed_at: null, epoch: before['epoch'] });
    await append(held, freshId(), 3);
    const chains = await database.dataSource.query(
      `select e.aggregate_id from event_store e where not exists (
         select from event_store p where p.aggregate_id = e.aggregate_id and p.aggregate_version = e.aggregate_version - 1
           and e.hash = sha256(p.hash || event_fields(e.event_id, e.event_type, e.aggregate_version, e.schema_version, e."timestamp", e.correlation_id,
             e.causation_id, e.saga_id, e.event_data::text, e.metadata::text))) and e.aggregate_version > 1`,
    );
    expect(chains).toEqual([]);
    // Only events stored here wait: the tail is already on the topics.
    const waiting = await database.dataSource.query<object[]>('select from event_outbox');
    expect(waiting).toHaveLength(2);
    await expect(resume(tail)).rejects.toThrow(NotHalted);
  });

  it('names what it refuses and why, with everything that depends on it, and draws another epoch', async () => {
    const [torn, after, beyond, gap, twice, foreign] = Array.from({ length: 6 }, () => freshId());
    const save = { save: '20.3', events: 3 };
    const tail = {
      torn: told({ of: torn!, version: 1, ...save }),
      tornToo: told({ of: after!, version: 1, ...save }),
      follows: told({ of: after!, version: 2, save: '30.2', events: 2 }),
      with: told({ of: beyond!, version: 1, save: '30.2', events: 2 }),
      behind: told({ of: beyond!, version: 2 }),
      gap: told({ of: gap!, version: 2 }),
      one: told({ of: twice!, version: 1 }),
      two: told({ of: twice!, version: 1 }),
      taken: told({ of: held, version: 1 }),
      changed: told({ of: held, version: 1, id: heldEvent }),
      foreign: { ...told({ of: foreign!, version: 1 }), type: 'Unheard' },
      good: told({ of: held, version: 2 }),
    };
    const before = await identity();
    const { resumed, givenUp } = await resume(Object.values(tail));
    expect(resumed).toMatchObject({ taken: 1, givenUp: 11, alreadyPublished: 0, missing: 1 });
    expect(whyOf(givenUp)).toEqual({
      [tail.torn.id]: 'a part of its save is missing',
      [tail.tornToo.id]: 'a part of its save is missing',
      [tail.follows.id]: 'what it follows is missing',
      [tail.with.id]: 'a part of its save can not be taken',
      [tail.behind.id]: 'what it follows is missing',
      [tail.gap.id]: 'what it follows is missing',
      [tail.one.id]: 'the topics hold two events as this version',
      [tail.two.id]: 'the topics hold two events as this version',
      [tail.taken.id]: 'the store holds another event as this version',
      [tail.changed.id]: 'the store holds this id with other content',
      [tail.foreign.id]: 'no event of this fleet',
    });
    expect((await identity())['epoch']).not.toBe(before['epoch']);
    // An id that is on the topic with other data is published again, not counted as published.
    expect(await database.dataSource.query('select event_id from event_outbox')).toEqual([{ event_id: heldEvent }]);
    expect(await database.dataSource.query('select why, by, outcome from resumptions')).toEqual([
      { why: 'a test', by: 'tradecore_test_operator', outcome: resumed },
    ]);
  });

  it('gives up the whole tail when told to, and never reads it again', async () => {
    const tail = [told({ of: held, version: 2 }), told({ of: held, version: 3 })];
    const { resumed, givenUp } = await resume(tail, { forgetTail: true });
    expect(resumed).toMatchObject({ taken: 0, givenUp: 2 });
    expect(givenUp[0]).toMatchObject({ account: 'acme', type: 'OrderPlaced', aggregateId: held, data: { text: 'x' } });
    await database.dataSource.query(`select operate.close_store('restored again')`);
    expect((await resume(tail)).resumed).toMatchObject({ taken: 0, givenUp: 0 });
  });

  it('is for operators: no service may load, take back or open', async () => {
    await expect(HaltedOutbox.open(database.urlFor('command-api'))).rejects.toThrow('permission denied');
    const operator = new Client({ connectionString: database.urlFor('operator') });
    await operator.connect();
    for (const call of ['take_tail()', 'reopen_store(1, false)', 'judge_tail(false)'])
      await expect(operator.query(`select ${call}`)).rejects.toMatchObject({ code: '42501' });
    await operator.end();
  });

  it('reports a start on another timeline until an operator acknowledges it', async () => {
    await resume([]);
    const relay = await Outbox.connect({ url: database.urlFor('outbox-relay'), owner: 'a' });
    expect(await relay.noteServer()).toBeUndefined();
    await database.dataSource.query('update store_identity set timeline = 77');
    expect(await relay.noteServer()).toContain('timeline 77 of server');
    expect(await relay.noteServer()).toContain('timeline 77 of server');
    await database.dataSource.query('select operate.acknowledge_move($1)', ['a test']);
    expect(await relay.noteServer()).toBeUndefined();
    await relay.close();
  });
});
