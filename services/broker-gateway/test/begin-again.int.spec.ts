import { submitting } from './asking-saga.ts';
import { restingTerms, revisionTerms, until, World } from './world.ts';

describe('a gateway whose rows are lost under load', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.create();
    await world.start();
  }, 60_000);
  afterAll(() => world.close(), 30_000);

  it('makes them anew from the stored steps when it begins again: no order is sent twice, none is forgotten', async () => {
    const since = new Date().toISOString();
    await world.paper.fault({ kind: 'slow', symbol: 'ACME', on: 'submit', ms: 300, times: 20 });
    const done = restingTerms();
    const ended = await world.submit(revisionTerms());
    const working = await world.submit(done);
    await world.reaches(ended, 'filled');
    await world.reaches(working, 'working');
    const open = Array.from({ length: 20 }, () => revisionTerms());
    for (const terms of open) await world.submit(terms);
    // Steps that nobody has taken in yet, and what is under way: all rows go.
    const unseen = revisionTerms();
    await world.storeSteps(submitting(unseen));
    await world.database.dataSource.query('truncate broker_gateway.steps, broker_gateway.work');
    await world.stop();
    await world.dataSource.query('select broker_gateway.begin_again($1)', [since]);
    await world.start();
    const ids = [...open, unseen].map((terms) => submitting(terms).data.target);
    for (const id of ids) await world.reaches(id, 'filled', 30_000);
    // What works is watched again; what had ended got no row.
    await until('only what works has rows', async () => (await world.openSteps()).length === 1);
    await until('only that has work', async () => (await world.rows()).map(({ key }) => key).join() === working);
    expect(await world.story(ended)).toEqual(['BrokerOrderAccepted', 'ExecutionReported']);
    expect(await world.story(working)).toEqual(['BrokerOrderAccepted']);
    const names = (await world.paper.orders()).map(({ client_order_id }) => client_order_id);
    expect(new Set(names).size).toBe(names.length);
    await world.cancel(done);
    await world.reaches(working, 'canceled');
  }, 60_000);
});
