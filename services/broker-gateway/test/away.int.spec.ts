import { revisionTerms, until, World } from './world.ts';

describe('a brokerage that is unavailable', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.create();
    await world.start({ BROKER_WORKERS: '8' });
  }, 60_000);
  afterAll(() => world.close(), 30_000);

  it('keeps orders waiting, visibly; once it is back each of them ends, and none is there twice', async () => {
    await world.paper.fault({ kind: 'away', ms: 60_000 });
    const goodUntil = new Date(Date.now() + 1_000).toISOString();
    const fill = await Promise.all(Array.from({ length: 300 }, () => world.submit(revisionTerms())));
    const late = await Promise.all(Array.from({ length: 20 }, () => world.submit(revisionTerms({ goodUntil }))));
    const dear = await Promise.all(Array.from({ length: 10 }, () => world.submit(revisionTerms({ collarPrice: '99.99' }))));
    const unwanted = Array.from({ length: 5 }, () => revisionTerms());
    const withdrawn = await Promise.all(unwanted.map((terms) => world.submit(terms)));
    for (const terms of unwanted) await world.cancel(terms);
    await until('the circuit is open', async () => (await world.metric('tradecore_broker_circuit_open')) === 1);
    const waiting = async () =>
      (await world.metric('tradecore_broker_orders{state="waiting"}')) +
      (await world.metric('tradecore_broker_orders{state="unknown"}'));
    await until('the orders wait', async () => (await waiting()) >= 300);
    await until('some orders are too late', () => Promise.resolve(Date.now() > Date.parse(goodUntil)));
    await world.paper.fault({ kind: 'away', ms: 1 });
    for (const id of fill) await world.reaches(id, 'filled', 30_000);
    for (const id of [...late, ...dear]) await world.reaches(id, 'lapsed', 30_000);
    for (const id of withdrawn) await until(`${id} has ended`, async () => (await world.brokerOrder(id)).progress === 'canceled');
    const clientIds = (await world.paper.orders()).map(({ client_order_id }) => client_order_id);
    expect(new Set(clientIds).size).toBe(clientIds.length);
    for (const id of fill) expect(clientIds).toContain(id);
    await until('nothing waits', async () => (await world.rows()).length === 0);
    expect(await waiting()).toBe(0);
  }, 90_000);

  it('gets every order once when it answers 429 under load', async () => {
    await world.paper.fault({ kind: '429', symbol: 'ACME', times: 40 });
    const ids = await Promise.all(Array.from({ length: 20 }, () => world.submit(revisionTerms())));
    for (const id of ids) await world.reaches(id, 'filled', 60_000);
    for (const id of ids) expect(await world.story(id)).not.toContain('BrokerOutcomeUnknown');
    const clientIds = (await world.paper.orders()).map(({ client_order_id }) => client_order_id);
    expect(clientIds.filter((id) => ids.includes(id))).toHaveLength(20);
  }, 90_000);
});
