import { freshId } from '@tradecore/events';
import { Client } from 'pg';
import { appendCall } from './append-events.ts';
import { prepareEvents, toSave, type PartToSave, type Save } from './save.ts';
import { partOf, saveOf } from '../test/parts.ts';
import { createTestDatabase, Gate, Tally, tallyCatalogue, TallyOpened, type TestDatabase } from '../testing.ts';

interface Row {
  verdict: string;
  detail: unknown;
}

describe('append_events', () => {
  let database: TestDatabase;
  let owner: Client;
  let writer: Client;
  let rival: Client;
  const connect = async (url: string): Promise<Client> => {
    const client = new Client(url);
    await client.connect();
    return client;
  };
  beforeEach(async () => {
    database = await createTestDatabase({ catalogue: tallyCatalogue, services: ['order-projector'] });
    owner = await connect(database.url);
    [writer, rival] = [await connect(database.urlFor('command-api')), await connect(database.urlFor('command-api'))];
  });
  afterEach(async () => {
    await Promise.all([owner.end(), writer.end(), rival.end()]);
    await database.drop();
  });

  /** A save of one or more events for each aggregate id, decided on the given version. */
  const save = (ids: string | string[], expected = 0, raises = 0): Save =>
    saveOf(
      tallyCatalogue,
      [ids].flat().map((id) => {
        const aggregate = new Tally(id).open('me');
        for (let each = 0; each < raises; each += 1) aggregate.raise(1);
        return aggregate;
      }),
      expected,
    );
  const append = async (client: Client, saves: Save[], waitMs: number | null = null): Promise<Row[]> =>
    (await client.query<Row>(appendCall(saves, waitMs))).rows;
  const verdicts = async (client: Client, saves: Save[], waitMs: number | null = null): Promise<string[]> =>
    (await append(client, saves, waitMs)).map(({ verdict }) => verdict);
  const versions = async (id: string): Promise<number[]> =>
    (
      await owner.query<{ v: number }>('select aggregate_version as v from event_store where aggregate_id = $1 order by 1', [id])
    ).rows.map(({ v }) => v);
  /** What a store that relies only on the unique key does. */
  const insertDoingNothing = (id: string, from: number, to: number) =>
    owner.query(
      `insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", metadata,
                                schema_version, position, hash)
       select gen_random_uuid(), $1, 'Tally', v, 'TallyRaised', '{}', now(), '{}', 1, nextval('event_position'), ''
         from generate_series($2::int, $3::int) v on conflict (aggregate_id, aggregate_version) do nothing`,
      [id, from, to],
    );

  it('stores a save whole or not at all, where "on conflict do nothing" splits it', async () => {
    const torn = freshId();
    await insertDoingNothing(torn, 1, 1);
    await insertDoingNothing(torn, 1, 3);
    expect(await versions(torn)).toEqual([1, 2, 3]); // the trap: 2 and 3 were decided on another version 1

    const [id, other] = [freshId(), freshId()];
    await append(writer, [save(id)]);
    expect(await append(writer, [save([other, id], 0, 2)])).toEqual([{ verdict: 'conflict', stored_at: null, detail: [[2, 1]] }]);
    expect([await versions(id), await versions(other)]).toEqual([[1], []]);
  });

  it('accepts one of two saves of an aggregate in a call and reports the other, where a joined update swallows it', async () => {
    const id = freshId();
    await append(writer, [save(id)]);
    const swallowed = await owner.query(
      `update stream_heads h set version = s.expected + 1 from unnest($1::uuid[], array[1, 1]) s (id, expected)
        where h.aggregate_id = s.id and h.version = s.expected`,
      [[id, id]],
    );
    expect(swallowed.rowCount).toBe(1); // the trap: two saves, one row, the second unreported

    const other = freshId();
    const [first, second] = [save(other), save([freshId(), other])];
    expect(await verdicts(writer, [first, second, save(freshId())])).toEqual(['stored', 'busy', 'stored']);
    expect(await verdicts(writer, [second])).toEqual(['conflict']);
    expect(await versions(other)).toEqual([1]);
  });

  it('does not wait for the slow holder of an existing aggregate; other saves are stored', async () => {
    const id = freshId();
    await append(writer, [save(id)]);
    await rival.query('begin');
    expect(await verdicts(rival, [save(id, 1)])).toEqual(['stored']);
    await owner.query(`set lock_timeout = '50ms'`);
    await expect(owner.query('update stream_heads set version = 2 where aggregate_id = $1', [id])).rejects.toMatchObject({
      code: '55P03', // the trap: a plain update waits for as long as the holder does
    });
    expect(await verdicts(writer, [save(id, 1), save(freshId())])).toEqual(['busy', 'stored']);
    await rival.query('rollback');
    expect(await verdicts(writer, [save(id, 1)])).toEqual(['stored']);
  });

  it('does not wait for the slow creator of a new aggregate, whether it commits or not', async () => {
    const [kept, given] = [freshId(), freshId()];
    await rival.query('begin');
    await append(rival, [save(kept)]);
    await owner.query(`set lock_timeout = '50ms'`);
    const sameKey = owner.query(`insert into stream_heads values ($1, 'Tally', 1, '', now()) on conflict do nothing`, [kept]);
    await expect(sameKey).rejects.toMatchObject({ code: '55P03' }); // the trap: even "do nothing" waits
    expect(await verdicts(writer, [save(kept), save(freshId())])).toEqual(['busy', 'stored']);
    await rival.query('commit');
    expect(await verdicts(writer, [save(kept)])).toEqual(['conflict']);

    await rival.query('begin');
    await append(rival, [save(given)]);
    expect(await verdicts(writer, [save(given)])).toEqual(['busy']);
    await rival.query('rollback');
    expect(await verdicts(writer, [save(given)])).toEqual(['stored']);
  });

  it('waits for a lock when told to, sees what it waited for, and gives up in time', async () => {
    const [id, fresh] = [freshId(), freshId()];
    await append(writer, [save(id)]);
    await rival.query('begin');
    await append(rival, [save([id], 1), save(fresh)]);
    for (const held of [save(id, 1), save(fresh)]) {
      await expect(append(writer, [held], 30)).rejects.toMatchObject({ code: '55P03' });
    }
    const waiting = verdicts(writer, [save(id, 1), save(fresh)], 5000);
    await rival.query('commit');
    expect(await waiting).toEqual(['conflict', 'conflict']);
    expect((await writer.query<{ lock_timeout: string }>('show lock_timeout')).rows[0]?.lock_timeout).toBe('0');
  });

  it('lets one of twenty rivals create an aggregate', async () => {
    const id = freshId();
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect(database.urlFor('command-api'))));
    const outcomes = (await Promise.all(clients.map((client) => verdicts(client, [save(id, 0, 2)])))).flat();
    await Promise.all(clients.map((client) => client.end()));
    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
    for (const outcome of outcomes) expect(['stored', 'busy', 'conflict']).toContain(outcome);
    expect(await versions(id)).toEqual([1, 2, 3]);
  });

  it('draws positions in version order, where an insert in join order inverts them', async () => {
    const inverted = await owner.query<{ v: number }>(
      `with drawn as materialized (
         select nextval('event_position') as seq, e.v from (select 1 as part) p
         join (select v, 1 as part from generate_series(1, 5) v order by v desc) e using (part)
       ) select v from drawn order by seq`,
    );
    expect(inverted.rows.map(({ v }) => v)).toEqual([5, 4, 3, 2, 1]); // the trap: positions follow the rows

    const ids = Array.from({ length: 30 }, freshId);
    await append(
      writer,
      ids.toReversed().map((id) => save(id, 0, 9)),
    );
    const rows = await owner.query<{ versions: number[] }>(
      `select array_agg(e.aggregate_version order by o.seq) as versions from event_outbox o join event_store e using (event_id)
        where o.seq = e.position group by e.aggregate_id`,
    );
    expect(rows.rows).toHaveLength(30);
    for (const row of rows.rows) expect(row.versions).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('lets time rise within an aggregate even if the clock goes back', async () => {
    const id = freshId();
    await append(writer, [save(id)]);
    await owner.query(`update stream_heads set "timestamp" = '2100-01-01T00:00:00.000001Z' where aggregate_id = $1`, [id]);
    await append(writer, [save(id, 1, 1)]);
    const { rows } = await owner.query<{ at: string }>(
      `select extract(epoch from "timestamp")::text as at from event_store where aggregate_id = $1 and aggregate_version > 1`,
      [id],
    );
    expect(rows.map(({ at }) => at)).toEqual(['4102444800.000002', '4102444800.000002']);
  });

  it('reports existing ids and the aggregate that has them, even while the aggregate is locked', async () => {
    const first = save(freshId(), 0, 1);
    await append(writer, [first]);
    const [part] = first.parts;
    if (!part) throw new Error('a part');
    const stolen = { ...first, parts: [{ ...part, id: freshId() }] };
    expect(await append(writer, [stolen])).toMatchObject([
      {
        verdict: 'present',
        detail: [
          [1, part.id],
          [2, part.id],
        ],
      },
    ]);
    await rival.query('begin');
    await rival.query(
      'select append_events from append_events($1, $2, $3, $4, $5, $6, $7, $8)',
      appendCall([save(part.id, 2)], null).values.slice(0, 8),
    );
    expect(await verdicts(writer, [first])).toEqual(['present']);
    await rival.query('rollback');
  });

  it("refuses a type that is not the aggregate's, an undeclared type, and a writer of another type", async () => {
    const id = freshId();
    await append(writer, [save(id)]);
    const [part] = save(id, 1).parts;
    const as = (type: string): Save => ({ ...save(id), parts: [{ ...(part as Save['parts'][number]), type }] });
    await owner.query(`insert into aggregate_types values ('Other', 'somewhere'), ('Mine', 'somewhere')`);
    await owner.query(`insert into event_writers values ('Other', 'TallyOpened', current_user), ('Mine', 'TallyOpened', $1)`, [
      'tradecore_test_command_api',
    ]);
    const rows = await append(writer, [as('Mine')]);
    expect(rows).toMatchObject([{ verdict: 'invalid', detail: `${id} is of type Tally, not Mine` }]);
    expect(await append(writer, [as('Nothing')])).toMatchObject([{ detail: 'unknown aggregate type Nothing' }]);
    expect(await append(writer, [as('Other')])).toMatchObject([
      { detail: 'tradecore_test_command_api does not write TallyOpened of Other' },
    ]);
    const reader = await connect(database.urlFor('order-projector'));
    await expect(append(reader, [save(freshId())])).rejects.toMatchObject({ code: '42501' });
    await reader.end();
  });

  it('accepts from each service only the events that the catalogue lists for it', async () => {
    const id = freshId();
    await append(writer, [save(id)]);
    const saga = await connect(database.urlFor('order-saga'));
    const raise = (expected: number) => saveOf(tallyCatalogue, [new Tally(id).open('me').raise(1)], expected);
    const [opened, raised] = [save(freshId()), raise(1)];
    const onlyRaise: Save = { ...raised, parts: raised.parts.map((part) => ({ ...part, events: part.events.slice(1) })) };
    const may = async (client: Client, what: Save): Promise<string> => (await verdicts(client, [what]))[0] ?? '';
    expect(await may(saga, opened)).toBe('invalid');
    expect(await may(saga, onlyRaise)).toBe('stored');
    const refused = await append(saga, [raise(2), saveOf(tallyCatalogue, [new Gate(freshId()).turn(true)])]);
    expect(refused.map(({ detail }) => detail)).toEqual([
      'tradecore_test_order_saga does not write TallyOpened of Tally',
      'tradecore_test_order_saga does not write GateTurned of Gate',
    ]);
    await saga.end();
  });

  it('locks and loads for each service the aggregates it writes events of, and those it asserts', async () => {
    const load = (client: Client, type: string) =>
      client.query(`select * from load_locked($1, $2, '{0}', '{null}', '{null}', '{}', 10, 100)`, [[freshId()], [type]]);
    for (const [service, types] of Object.entries({
      'order-saga': ['Tally', 'Gate'],
      'command-api': ['Tally', 'Gate'],
      'order-projector': ['Gate'],
    })) {
      const client = await connect(database.urlFor(service));
      for (const type of ['Tally', 'Gate', 'Nothing']) {
        const loading = load(client, type);
        if (types.includes(type)) expect((await loading).rows).toHaveLength(2);
        else await expect(loading).rejects.toMatchObject({ code: '42501' });
      }
      await client.end();
    }
  });

  describe('with asserted parts', () => {
    const gate = freshId();
    const assertion = (expected: number): PartToSave => ({ type: 'Gate', id: gate, expected, events: [] });
    const under = (expected: number, id = freshId()): Save =>
      toSave(tallyCatalogue, [partOf(tallyCatalogue, new Tally(id).open('me')), assertion(expected)]);
    const turn = (expected: number): Save => saveOf(tallyCatalogue, [new Gate(gate).turn(expected % 2 === 1)], expected);

    it('stores fifty concurrent saves that assert the same aggregate while none of them has ended', async () => {
      await append(writer, [turn(0)]);
      const clients = await Promise.all(Array.from({ length: 10 }, () => connect(database.urlFor('command-api'))));
      await Promise.all(clients.map((client) => client.query('begin')));
      const outcomes = await Promise.all(
        clients.map(async (client, n) => {
          const alone = await Promise.all([under(1), under(1)].map((each) => verdicts(client, [each])));
          return [...alone.flat(), ...(await verdicts(client, [under(1), under(1), under(1)], n % 2 === 0 ? null : 100))];
        }),
      );
      expect(outcomes.flat()).toEqual(Array.from({ length: 50 }, () => 'stored'));
      await Promise.all(clients.map((client) => client.query('commit')));
      await Promise.all(clients.map((client) => client.end()));
    });

    it('makes a change wait for asserting saves and lets none past it: nothing decided on the old version is stored after it', async () => {
      await append(writer, [turn(0)]);
      await rival.query('begin');
      expect(await verdicts(rival, [under(1)])).toEqual(['stored']);
      let isStored = false;
      const changer = await connect(database.urlFor('command-api'));
      const changing = verdicts(changer, [turn(1)]).then((verdict) => {
        isStored = true;
        return verdict;
      });
      const waits = async (): Promise<boolean> =>
        (await owner.query(`select from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`))
          .rowCount === 1;
      while (!(await waits())) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(await append(writer, [under(1), save(freshId())])).toMatchObject([
        { verdict: 'busy', detail: null },
        { verdict: 'stored' },
      ]);
      expect(isStored).toBe(false);
      await rival.query('commit');
      expect(await changing).toEqual(['stored']);
      expect(await append(writer, [under(1), under(2)])).toMatchObject([
        { verdict: 'conflict', detail: [[2, 2]] },
        { verdict: 'stored' },
      ]);
      await changer.end();
    });

    it('keeps out asserting saves while a change is uncommitted, even for an aggregate that does not exist yet', async () => {
      await rival.query('begin');
      await append(rival, [turn(0)]);
      expect(await verdicts(writer, [under(0)])).toEqual(['busy']);
      expect(await verdicts(writer, [under(0)], 100)).toEqual(['busy']);
      await rival.query('commit');
      expect(await append(writer, [under(0)])).toMatchObject([{ verdict: 'conflict', detail: [[2, 1]] }]);
    });

    it('accepts in one call a save that asserts an aggregate and then a change of it', async () => {
      await append(writer, [turn(0)]);
      expect(await verdicts(writer, [under(1), turn(1)])).toEqual(['stored', 'stored']);
    });

    it("gives up on a change that can't get its locks in time", async () => {
      await append(writer, [turn(0)]);
      await rival.query('begin');
      await append(rival, [under(1)]);
      await expect(append(writer, [turn(1)], 30)).rejects.toMatchObject({ code: '55P03' });
      await rival.query('rollback');
      expect((await writer.query<{ lock_timeout: string }>('show lock_timeout')).rows[0]?.lock_timeout).toBe('0');
    });

    it('never holds the head of what is asserted', async () => {
      await append(writer, [turn(0)]);
      await rival.query('begin');
      await append(rival, [under(1)]);
      await owner.query(`set lock_timeout = '50ms'`);
      expect((await owner.query('select from stream_heads where aggregate_id = $1 for update', [gate])).rowCount).toBe(1);
      await rival.query('rollback');
    });

    it('refuses to assert a type that may not be asserted: its changes would not wait', async () => {
      const id = freshId();
      await append(writer, [save(id)]);
      const part = { ...assertion(1), type: 'Tally', id };
      const asserting: Save = { ...save(freshId()), parts: [...save(freshId()).parts, part] };
      expect(await append(writer, [asserting])).toMatchObject([
        { verdict: 'invalid', detail: 'Tally is no type to be asserted' },
      ]);
      const disguised = { ...asserting, parts: [...save(freshId()).parts, { ...part, type: 'Gate' }] };
      expect(await append(writer, [disguised])).toMatchObject([
        { verdict: 'invalid', detail: `${id} is of type Tally, not Gate` },
      ]);
    });
  });

  it('names every part in conflict, with the version found', async () => {
    const [one, two, three] = [freshId(), freshId(), freshId()];
    await append(writer, [save(one), save(two, 0, 2), save(three)]);
    const parts = [...save(one, 0).parts, ...save(freshId(), 0).parts, ...save(two, 1).parts, ...save(three, 1).parts];
    const rows = await append(writer, [save(freshId()), toSave(tallyCatalogue, parts)]);
    expect(rows).toMatchObject([
      { verdict: 'stored' },
      {
        verdict: 'conflict',
        detail: [
          [2, 1],
          [4, 3],
        ],
      },
    ]);
  });

  it('names the held heads, which are about to change, but no new aggregates', async () => {
    const [id, other] = [freshId(), freshId()];
    await append(writer, [save(id)]);
    await rival.query('begin');
    await append(rival, [save([id], 1), save(other)]);
    expect(await append(writer, [save([freshId(), id], 1), save(other)])).toMatchObject([
      { verdict: 'busy', detail: [2] },
      { verdict: 'busy', detail: null },
    ]);
    await rival.query('rollback');
  });

  it('gives an event id to one of two saves that want it for different aggregates at the same time', async () => {
    const ids = new Map([[0, freshId()]]);
    const named = (): Save => {
      const target = { type: 'Tally', id: freshId() };
      return toSave(tallyCatalogue, [
        { ...target, expected: 0, events: prepareEvents(tallyCatalogue, target, [new TallyOpened({ owner: 'me' })], { ids }) },
      ]);
    };
    const [first, second] = [named(), named()];
    await rival.query('begin');
    expect(await verdicts(rival, [first])).toEqual(['stored']);
    const losing = append(writer, [second]);
    losing.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await rival.query('commit');
    await expect(losing).rejects.toMatchObject({ code: '23505' });
    expect(await append(writer, [second])).toMatchObject([{ verdict: 'present', detail: [[1, first.parts[0]?.id]] }]);
  });

  it.each(['repeatable read', 'serializable'])(
    "refuses to run in %s, where it can't see what its locks waited for",
    async (level) => {
      await writer.query(`begin isolation level ${level}`);
      await expect(append(writer, [save(freshId())])).rejects.toMatchObject({ code: '0A000' });
      await writer.query('rollback');
    },
  );

  it('is append-only by privilege for every service, and by trigger for the owner', async () => {
    await append(writer, [save(freshId())]);
    const changes = ['update event_store set event_type = $$x$$', 'delete from event_store', 'truncate event_store'];
    for (const sql of changes) {
      await expect(writer.query(sql)).rejects.toThrow('permission denied for table event_store');
      await expect(owner.query(sql)).rejects.toThrow(/of event_store refused: it is append-only/);
    }
    const around = [
      'insert into event_store select * from event_store',
      'update stream_heads set version = 9',
      `select nextval('event_position')`,
      'insert into event_outbox values (1, gen_random_uuid(), $$t$$, $$k$$)',
      'update event_writers set writer = current_user',
    ];
    for (const sql of around) await expect(writer.query(sql)).rejects.toThrow('permission denied');
  });

  it('notifies the relay only while it sleeps', async () => {
    let woken = 0;
    owner.on('notification', () => (woken += 1));
    await owner.query('listen outbox_events');
    await append(writer, [save(freshId())]);
    await owner.query('select 1');
    expect(woken).toBe(0);
    await owner.query(`update relay_state set asleep_until = clock_timestamp() + interval '1 minute'`);
    const notified = new Promise((resolve) => owner.once('notification', resolve));
    await append(writer, [save(freshId(), 0, 5), save(freshId())]);
    await notified;
    expect(woken).toBe(1);
  });
});
