import { submitting } from './asking-saga.ts';
import { restingTerms, revisionTerms, until, World } from './world.ts';

describe('a gateway whose rows are lost under load', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.create();
    await world.start();
  }, 60_000);
  afterAll(() => world.close(), 30_000);

  it('rebuilds them from the stored steps: no order is sent twice, none is lost', async () => {
    const since = new Date().toISOString();
    await world.paper.fault({ kind: 'slow', symbol: 'ACME', on: 'submit', ms: 300, times: 20 });
    const done = restingTerms();
    const ended = await world.submit(revisionTerms());
    const working = await world.submit(done);
    await world.reaches(ended, 'filled');
    await world.reaches(working, 'working');
    const open = Array.from({ length: 20 }, () => revisionTerms());
    for (const terms of open) await world.submit(terms);
    // All rows are lost, with a step that was not taken in yet and calls in progress.
    const unseen = revisionTerms();
    await world.storeSteps(submitting(unseen));
    await world.database.dataSource.query('truncate broker_gateway.steps, broker_gateway.work');
    await world.stop();
    await world.dataSource.query('select broker_gateway.begin_again($1)', [since]);
    await world.start();
    const ids = [...open, unseen].map((terms) => submitting(terms).data.target);
    for (const id of ids) await world.reaches(id, 'filled', 30_000);
    // The working order has its row again; the ended one does not.
    await until('only the working order has a step', async () => (await world.openSteps()).length === 1);
    await until('only the working order has work', async () => (await world.rows()).map(({ key }) => key).join() === working);
    expect(await world.story(ended)).toEqual(['BrokerOrderAccepted', 'ExecutionReported']);
    expect(await world.story(working)).toEqual(['BrokerOrderAccepted']);
    const names = (await world.paper.orders()).map(({ client_order_id }) => client_order_id);
    expect(new Set(names).size).toBe(names.length);
    await world.cancel(done);
    await world.reaches(working, 'canceled');
  }, 60_000);
});
