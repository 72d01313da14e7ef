import { freshId } from '@tradecore/events';
import { proposeCorrection } from '@tradecore/service/testing';
import { Client } from 'pg';
import { createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
}, 60_000);
afterAll(() => world.drop());

describe('tradecore findings', () => {
  it('lists what the reconciler found, until it is acknowledged for a reason', async () => {
    expect(await world.tradecore('findings', 'list')).toEqual({ code: 0, said: 'the reconciler finds nothing wrong' });
    const [row] = await world.query<{ id: string }>(
      `insert into reconciler.findings (check_name, kind, subject, detail) values ('topics', 'lost', 'an event', 'is gone') returning finding_id as id`,
    );
    const id = row?.id ?? '';
    expect(await world.tradecore('findings', 'list')).toEqual({
      code: 1,
      said: expect.stringMatching(`${id} +topics +lost +an event +is gone`) as string,
    });
    const { code } = await world.tradecore('findings', 'acknowledge', id, '--why', 'the drill of today', `--yes=${id}`);
    expect(code).toBe(0);
    expect((await world.operations()).at(-1)).toMatchObject({
      command: 'findings acknowledge',
      why: 'the drill of today',
      outcome: 'topics lost an event',
    });
    expect((await world.tradecore('findings', 'list')).code).toBe(0);
    expect(await world.tradecore('findings', 'list', '--all')).toEqual({
      code: 0,
      said: expect.stringContaining('the drill of today') as string,
    });
  });

  it('are refused twice, and by a name that is none', async () => {
    const [row] = await world.query<{ id: string }>('select finding_id as id from reconciler.findings');
    const again = await world.tradecore('findings', 'acknowledge', row?.id ?? '', '--why', 'again', `--yes=${row?.id}`);
    expect(again).toEqual({ code: 1, said: expect.stringContaining('it is acknowledged') as string });
    expect((await world.tradecore('findings', 'acknowledge', 'all', '--why', 'x', '--yes=all')).code).toBe(64);
  });
});

describe('tradecore corrections', () => {
  const applied = () =>
    world.query<{ data: Record<string, unknown>; topic: string; key: string }>(
      `select e.event_data as data, o.topic, o.key from event_store e join event_outbox o using (event_id)
        where e.aggregate_type = 'Correction' order by e.position`,
    );
  const propose = (kind: 'query' | 'catch-up', owner: string, target: string) =>
    proposeCorrection(world.database.dataSource, { kind, owner, target, version: 3 });

  it('lists what is proposed, and applies one for a reason, once', async () => {
    expect(await world.tradecore('corrections', 'list')).toEqual({ code: 0, said: 'no correction is proposed' });
    const target = freshId();
    const id = await propose('query', 'broker-gateway', target);
    expect((await world.tradecore('corrections', 'list')).said).toContain(`${id}  query  broker-gateway  ${target}`);
    expect((await world.tradecore('corrections', 'apply', id, '--dry-run')).code).toBe(0);
    expect(await applied()).toEqual([]);
    const apply = () => world.tradecore('corrections', 'apply', id, '--why', 'it waits for an hour', `--yes=${id}`);
    expect(await apply()).toEqual({ code: 0, said: expect.stringContaining('broker-gateway asks the brokerage') as string });
    const before = (await world.operations()).length;
    expect(await apply()).toEqual({ code: 1, said: expect.stringContaining('is applied already') as string });
    expect((await world.operations()).length).toBe(before);
    const data = { kind: 'query', owner: 'broker-gateway', target, events: [], check: 'orphans', subject: id, version: 3 };
    expect(await applied()).toEqual([{ data: { ...data, finding: 'query' }, topic: 'saga.corrections', key: target }]);
    expect((await world.operations()).at(-1)).toMatchObject({
      command: 'corrections apply',
      arguments: { correction: id, kind: 'query', target },
      why: 'it waits for an hour',
      by: 'tradecore_test_operator',
    });
    expect((await world.tradecore('corrections', 'list')).said).toBe('no correction is proposed');
    expect((await world.tradecore('corrections', 'list', '--all')).said).toContain(id);
  });

  it('lets a projector catch up through its redrive: it looks only where it lacks something', async () => {
    const [behind, ahead] = [freshId(), freshId()];
    await world.query(
      `insert into order_projector.checkpoints (aggregate_id, version, event_id) values ($1, 2, gen_random_uuid()), ($2, 3, gen_random_uuid())`,
      [behind, ahead],
    );
    for (const target of [behind, ahead]) {
      const id = await propose('catch-up', 'order-projector', target);
      expect((await world.tradecore('corrections', 'apply', id, '--why', 'x', `--yes=${id}`)).code).toBe(0);
    }
    const marked = await world.query(
      'select aggregate_id as id, version, parked_version as next from order_projector.checkpoints where parked_version is not null',
    );
    expect(marked).toEqual([{ id: behind, version: 2, next: 3 }]);
  });

  it('applies none whose finding is over, and none that nobody has proposed', async () => {
    const id = await propose('query', 'broker-gateway', freshId());
    await world.query('update reconciler.findings set closed_at = now() where subject = $1', [id]);
    expect(await world.tradecore('corrections', 'apply', id, '--why', 'x', `--yes=${id}`)).toMatchObject({
      code: 1,
      said: expect.stringContaining('is over since') as string,
    });
    const none = freshId();
    expect((await world.tradecore('corrections', 'apply', none, '--why', 'x', `--yes=${none}`)).said).toContain('no correction');
  });

  it('is stored by nobody else', async () => {
    const client = new Client({ connectionString: world.database.urlFor('order-saga') });
    await client.connect();
    const events = JSON.stringify([{ v: 1, d: {}, m: {} }]);
    const { rows } = await client
      .query(
        `select verdict, detail from append_events('{1}', $1, '{Correction}', '{0}', '{1}', $2, '{CorrectionApplied}', $3)`,
        [[freshId()], [freshId()], events],
      )
      .finally(() => client.end());
    expect(rows).toEqual([{ verdict: 'invalid', detail: expect.stringContaining('does not write') as string }]);
  });
});
