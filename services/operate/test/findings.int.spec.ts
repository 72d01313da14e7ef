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
