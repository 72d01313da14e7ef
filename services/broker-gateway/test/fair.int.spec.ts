import { canceling, submitting } from './asking-saga.ts';
import { restingTerms, revisionTerms, until, World } from './world.ts';

describe('a brokerage that allows five calls a second', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.create();
    await world.start({ BROKER_RATE_LIMIT: '300', BROKER_PRICE_MS: '60000' });
    await until('prices are known', async () => (await world.metric('tradecore_market_data_published_total')) > 0);
  }, 60_000);
  afterAll(() => world.close(), 30_000);

  it('serves a client with one order, and a cancel, while another client has sent 120 orders', async () => {
    const flood = Array.from({ length: 120 }, () => restingTerms({ accountId: 'f10d0000-0000-4000-8000-000000000000' }));
    for (const terms of flood) await world.storeSteps(submitting(terms));
    await world.relay();
    const placed = async () => (await world.paper.orders()).length;
    await until('the burst is used up', async () => (await placed()) >= 30);
    const [sent] = await world.paper.orders();
    const canceled = flood.find(({ orderId }) => submitting({ ...flood[0]!, orderId }).data.target === sent?.client_order_id)!;
    const [cancel] = await world.storeSteps(canceling(canceled));
    // The rest of the flood takes 18 s.
    const other = revisionTerms({ goodUntil: new Date(Date.now() + 6_000).toISOString() });
    const [step] = await world.storeSteps(submitting(other));
    await world.relay();
    await world.reaches(step!.data.target, 'filled');
    await world.reaches(cancel!.data.target, 'canceled');
    expect(await placed()).toBeLessThan(flood.length);
  }, 30_000);
});
