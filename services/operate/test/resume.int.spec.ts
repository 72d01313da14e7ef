import { logBegan } from '@tradecore/checks';
import { freshId, topics } from '@tradecore/events';
import { createWorld, type World } from './world.ts';

describe('a store that was restored', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
    await world.query(`select close_store('restored to 09:00')`);
    await world.query(
      `insert into pending_operations (by, command, arguments, why, outcome) values ('ops@host', 'restore', '{"aside": false}', 'a disk', 'done')`,
    );
  }, 60_000);
  afterAll(() => world.drop());

  const since = ['--since', '2026-11-23T09:00:00Z'];
  const epochs = () =>
    world.query<{ epoch: string; feed: string }>(
      'select s.epoch, f.epoch as feed from store_identity s, feed_projector.exported_epoch f',
    );

  it('is the first thing that the doctor says', async () => {
    const { code, said } = await world.tradecore('doctor');
    expect([code, said.split('\n')[1]]).toEqual([1, expect.stringContaining('the store is closed: restored to 09:00')]);
    expect(await world.tradecore('verify')).toEqual({
      code: 2,
      said: expect.stringContaining('nothing can be judged') as string,
    });
  });

  it('is opened by its name and a reason, never by a look; clients of the feed begin again', async () => {
    const before = await epochs();
    const look = await world.tradecore('relay', 'resume', ...since, '--dry-run');
    expect(look).toEqual({ code: 0, said: expect.stringMatching(/taken back +0/) as string });
    const refused = await world.tradecore('relay', 'resume', ...since, '--why', 'x', '--yes=another');
    expect(refused).toMatchObject({ code: 64 });
    expect((await world.tradecore('relay', 'resume', '--dry-run')).code).toBe(64);
    const zoneless = await world.tradecore('relay', 'resume', '--since', '2026-11-23T09:00:00', '--dry-run');
    expect(zoneless).toEqual({ code: 64, said: expect.stringContaining('--since is a time with its zone') as string });
    expect(await epochs()).toEqual(before);
    expect(await world.query('select from store_identity where closed_at is null')).toEqual([]);

    const yes = `--yes=${world.database.name}`;
    expect((await world.tradecore('relay', 'resume', ...since, '--why', 'a disk was lost', yes)).code).toBe(0);
    expect(await world.query('select from store_identity where closed_at is null')).toHaveLength(1);
    const [was, is] = [before[0], (await epochs())[0]];
    expect(is?.epoch).toBe(was?.epoch);
    expect(is?.feed).not.toBe(was?.feed);
    expect(await world.operations()).toEqual([
      expect.objectContaining({
        command: 'restore',
        why: 'a disk',
        arguments: expect.objectContaining({ by: 'ops@host' }) as object,
      }),
      expect.objectContaining({ command: 'relay resume', why: 'a disk was lost', by: 'tradecore_test_operator' }),
    ]);
    const again = await world.tradecore('relay', 'resume', ...since, '--dry-run');
    expect(again).toMatchObject({ code: 1, said: expect.stringContaining('nothing to decide') as string });
  }, 60_000);

  it('on another timeline is reported until an operator acknowledges it', async () => {
    await world.query('update store_identity set timeline = 77');
    await world.query('select relay_note_server()');
    expect((await world.tradecore('doctor')).said).toContain('the store was on timeline 77');
    const args = ['relay', 'acknowledge-move', '--why', 'planned', `--yes=${world.database.name}`];
    expect(await world.tradecore(...args)).toEqual({ code: 0, said: expect.stringContaining('it was on timeline 77') as string });
    expect((await world.tradecore('doctor')).said).not.toContain('timeline');
    expect((await world.operations()).at(-1)).toMatchObject({ command: 'relay acknowledge-move', why: 'planned' });
  }, 60_000);

  it('is held against its topics from the time on from which a lost log begins again', async () => {
    expect(await logBegan(world.database.dataSource)).toBeUndefined(); // nothing had been relayed
    await world.query(
      `update outbox_relay set halted_at = now(), halted_reason = '{"why": "no position", "batch": "7", "position": null}'`,
    );
    const from = ['--since', '2026-11-24T10:00:00Z', '--why', 'a broker was lost', `--yes=${world.database.name}`];
    expect((await world.tradecore('relay', 'resume', ...from)).code).toBe(0);
    expect(await logBegan(world.database.dataSource)).toBe('2026-11-24T10:00:00.000000Z');
  }, 60_000);

  it('names whom its events speak of and nobody knows', async () => {
    await world.query(`select close_store('restored to 11:00')`);
    const [known, unknown] = [freshId(), freshId()];
    await world.query(`insert into people (person, subject) values ($1, 'one who is known')`, [known]);
    await world.query(
      `insert into event_store (event_id, aggregate_id, aggregate_type, aggregate_version, event_type, event_data, "timestamp", metadata, schema_version, position, hash)
       select gen_random_uuid(), gen_random_uuid(), 'Account', 1, 'AccountOpened', jsonb_build_object('owner', owner), '2026-11-25T11:00:00Z',
              jsonb_build_object('actor', owner), 1, nextval('event_position'), '\\x00' from unnest($1::text[]) owner`,
      [[known, unknown]],
    );
    const at = ['--since', '2026-11-25T10:30:00Z', '--why', 'a disk was lost', `--yes=${world.database.name}`];
    const { code, said } = await world.tradecore('relay', 'resume', ...at);
    const lines = said.split('\n').filter((line) => line.includes('unknown in people'));
    expect([code, lines]).toEqual([0, [expect.stringContaining(unknown)]]);
  }, 60_000);

  it('that is a copy of another is not opened on the topics of that one', async () => {
    const producer = await world.kafka.kafka.openTransactional({ transactionalId: 'live', writer: 'relay' });
    const live = freshId();
    const position = { group: `outbox-relay.${live}`, positionTopic: topics.relayPosition.name, partition: 0, offset: 7n };
    await producer.send({ batches: [], ...position });
    await producer.discard();
    await world.query(`select close_store('restored, beside the live one')`);
    await world.query('update store_identity set copy_of = $1', [live]);
    const refused = await world.tradecore('relay', 'resume', ...since, '--dry-run');
    expect(refused).toEqual({ code: 1, said: expect.stringContaining('a copy needs a NAMESPACE of its own') as string });
    await world.query('update store_identity set copy_of = $1', [freshId()]);
    expect((await world.tradecore('relay', 'resume', ...since, '--dry-run')).code).toBe(0);
  }, 60_000);
});
