import { Client } from 'pg';
import { freshId } from '@tradecore/events';
import { createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
}, 60_000);
afterAll(() => world.drop());

const isHalted = async (name: string): Promise<boolean> => {
  const table = name === 'order_projector' ? 'projection' : 'consumer';
  const [row] = await world.query<{ halted: boolean }>(`select stopped_reason is not null as halted from ${name}.${table}`);
  return row?.halted ?? false;
};
const halt = (table: string) => world.query(`update ${table} set stopped_reason = 'the log was cut off', stopped_at = now()`);
const asOperator = async (sql: string): Promise<unknown> => {
  const client = new Client({ connectionString: world.database.urlFor('operator') });
  await client.connect();
  return client.query(sql).finally(() => client.end());
};

describe("an operator's action", () => {
  it('lets a halted consumer go on, and is stored with who, what and why', async () => {
    await halt('order_saga.consumer');
    const { code, said } = await world.tradecore(
      'consumers',
      'resume',
      'order-saga',
      '--why',
      'right broker again',
      '--yes=order-saga',
    );
    expect([code, said]).toEqual([0, expect.stringContaining('goes on; it was halted: the log was cut off')]);
    expect(await isHalted('order_saga')).toBe(false);
    expect((await world.operations()).at(-1)).toEqual({
      command: 'consumers resume',
      arguments: { name: 'order-saga' },
      why: 'right broker again',
      by: 'tradecore_test_operator',
      outcome: 'was halted: the log was cut off',
    });
    const sent = await world.query(
      `select o.topic, o.key = e.aggregate_id::text as "by aggregate", e.metadata from event_outbox o join event_store e using (event_id)`,
    );
    expect(sent).toEqual([
      { topic: 'transport.control-events', 'by aggregate': true, metadata: { actor: 'tradecore_test_operator' } },
    ]);
  });

  it('only shows in a dry run what it is about', async () => {
    await halt('order_projector.projection');
    const before = (await world.operations()).length;
    const { code, said } = await world.tradecore('projections', 'resume', 'order-projector', '--dry-run');
    expect([code, said]).toEqual([0, expect.stringMatching(/order-projector +halted/)]);
    expect([await isHalted('order_projector'), (await world.operations()).length]).toEqual([true, before]);
  });

  it('is refused where there is nothing to do, and then leaves no record', async () => {
    const before = (await world.operations()).length;
    const refusals = await Promise.all([
      world.tradecore('consumers', 'resume', 'broker-gateway', '--why', 'x', '--yes=broker-gateway'),
      world.tradecore('consumers', 'resume', 'order-projector', '--why', 'x', '--yes=order-projector'),
      world.tradecore('parked', 'redrive', '--all', '--why', 'x', '--yes=all'),
      world.tradecore('parked', 'redrive', '--why', 'x', '--yes=all'),
      world.tradecore('consumers', 'begin-again', 'order-saga', '--since', 'yesterday', '--why', 'x', '--yes=order-saga'),
    ]);
    expect(refusals).toEqual([
      { code: 1, said: expect.stringContaining('broker-gateway is not halted') as string },
      { code: 1, said: 'there is no consumer order-projector: broker-gateway, order-saga' },
      { code: 1, said: 'nothing of all is parked' },
      { code: 64, said: expect.stringContaining('or say --all') as string },
      { code: 64, said: expect.stringContaining('--since is a time') as string },
    ]);
    expect((await world.operations()).length).toBe(before);
  });

  it('lets a consumer begin again from the store', async () => {
    await halt('broker_gateway.consumer');
    const since = '2026-11-23T09:00:00Z';
    const { code } = await world.tradecore(
      ...['consumers', 'begin-again', 'broker-gateway', '--since', since, '--why', 'cut off', '--yes=broker-gateway'],
    );
    const [row] = await world.query<object>('select log, replay_from, stopped_reason from broker_gateway.consumer');
    expect([code, row]).toEqual([0, { log: null, replay_from: new Date(since), stopped_reason: null }]);
    expect((await world.operations()).at(-1)).toMatchObject({ outcome: 'begins with the store from 2026-11-23T09:00:00Z' });
  });

  it('marks what is parked to be tried again: one aggregate, a pair of saga and target, or all', async () => {
    const [one, other, saga, target] = [freshId(), freshId(), freshId(), freshId()];
    await world.query(
      `insert into order_projector.checkpoints (aggregate_id, version, parked_version, parked_reason, parked_release, parked_at)
       select id, 0, 1, 'fold-failed: x', '9.0.0', now() from unnest($1::uuid[]) id`,
      [[one, other]],
    );
    await world.query(
      `insert into broker_gateway.parked_messages (saga_id, target_id, event_id, reason, release)
       values ($1, $2, $3, 'row-refused: x', '0.1.0'), ($1, $2, $4, null, '0.1.0')`,
      [saga, target, freshId(), freshId()],
    );
    const marks = async () =>
      world.query(
        `select aggregate_id::text as id, parked_release as release from order_projector.checkpoints where redrive
         union all select distinct target_id::text, release from broker_gateway.parked_messages where redrive`,
      );
    const redrive = (...args: string[]) => world.tradecore('parked', 'redrive', ...args, '--why', 'release 1.4.1 folds it');
    expect((await world.tradecore('parked', 'list')).said).toContain(one);
    expect(await world.tradecore('parked', 'show', saga)).toMatchObject({ code: 0 });
    await redrive(one, '--release', '0.2.0', `--yes=${one}`);
    expect(await marks()).toEqual([{ id: one, release: '0.2.0' }]);
    await redrive(target, `--yes=${target}`);
    expect(await marks()).toEqual([
      { id: one, release: '0.2.0' },
      { id: target, release: '0.1.0' },
    ]);
    await redrive('--all', '--yes=all');
    expect(await marks()).toHaveLength(3);
    const outcomes = (await world.operations()).slice(-4).map(({ outcome }) => outcome);
    expect(outcomes.toSorted()).toEqual(['1 marked', '1 marked', '1 marked', '2 marked']);
  });

  it('counts all orders of a list, though it shows the first of them', async () => {
    await world.query(
      `insert into order_saga.open_sagas (saga_id, aggregate_ids, heard, origin, stuck)
       select gen_random_uuid(), array[gen_random_uuid()], '{}', '{}', true from generate_series(1, 201)`,
    );
    expect((await world.tradecore('orders', 'stuck')).said).toMatch(/\nand [1-9] more$/);
    expect((await world.tradecore('status')).said).toMatch(/orders stuck +20\d/);
    expect((await world.tradecore('doctor')).said).toMatch(/20\d orders are stuck/);
    await world.query(`delete from order_saga.open_sagas where heard = '{}'`);
  });

  it('reaches what is parked beyond the rows of the list, and counts all of it', async () => {
    const ids = Array.from({ length: 201 }, () => freshId());
    await world.query(
      `insert into account_projector.checkpoints (aggregate_id, version, parked_version, parked_reason, parked_release, parked_at)
       select id, 0, 1, 'fold-failed: x', '9.0.0', now() + n * interval '1 ms' from unnest($1::uuid[]) with ordinality parked (id, n)`,
      [ids],
    );
    const youngest = ids.at(-1) ?? '';
    const all = await world.tradecore('parked', 'list');
    expect(all.said).not.toContain(youngest);
    expect(all.said).toMatch(/\nand 1 more$/);
    expect((await world.tradecore('status')).said).toMatch(/parked +20\d/);
    expect((await world.tradecore('doctor')).said).toContain('account-projector: 201 parked');
    expect((await world.tradecore('parked', 'show', youngest)).said).toBe(`the store holds no event of ${youngest}`);
    const why = ['--why', 'it folds', `--yes=${youngest}`];
    expect((await world.tradecore('parked', 'redrive', youngest, '--in', 'order-projector', ...why)).code).toBe(1);
    expect((await world.tradecore('parked', 'redrive', youngest, '--in', 'account-projector', ...why)).code).toBe(0);
    const marked = await world.query('select aggregate_id::text as id from account_projector.checkpoints where redrive');
    expect(marked).toEqual([{ id: youngest }]);
  });
});

describe("the operator's rights", () => {
  it.each([
    { case: 'rows', sql: `update order_saga.consumer set log = null` },
    {
      case: 'the store',
      sql: `select * from append_events('{1}', array[gen_random_uuid()], '{Operation}', '{0}', '{}', '{}', '{}', '[]')`,
    },
    { case: 'the record of operations', sql: `select operate.record('x', '{}', 'y', 'z')` },
  ])('reach no further than the functions: $case', async ({ sql }) => {
    await expect(asOperator(sql)).rejects.toThrow('permission denied');
  });

  it('are not those of a service', async () => {
    const client = new Client({ connectionString: world.database.urlFor('order-saga') });
    await client.connect();
    const resume = client.query(`select operate.resume('order-saga', 'x')`);
    await expect(resume.finally(() => client.end())).rejects.toThrow('permission denied');
  });

  it('do not depend on what a session has put in the way', async () => {
    await halt('order_saga.consumer');
    const shadowed = `create temp table event_store (x int); create function pg_temp.append_events() returns int language sql as 'select 1';
      set search_path = pg_temp, public; select operate.resume('order-saga', 'shadowed')`;
    await asOperator(shadowed);
    expect((await world.operations()).at(-1)).toMatchObject({ why: 'shadowed' });
  });
});
