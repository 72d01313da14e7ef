import { brokerOrderIdFor } from '@tradecore/events';
import { restingTerms, until, World } from './world.ts';

describe.each([
  ['carries fills over', 'on', 'true'],
  ['does not carry fills over', 'off', 'false'],
])('a replace at a brokerage that %s', (_, paper, gateway) => {
  let world: World;
  beforeAll(async () => {
    const often = { PAPER_PARTIAL_FILLS: '0.9', PAPER_TICK_MS: '120', PAPER_SEED: '7' };
    world = await World.create({ ...often, PAPER_REPLACE_CARRIES_FILLS: paper });
    await world.start({ BROKER_REPLACE_CARRIES_FILLS: gateway, BROKER_SWEEP: '1000' });
  }, 60_000);
  afterEach(() => world.paper.call('DELETE', '/faults'));
  afterAll(() => world.close(), 30_000);

  /** What has traded at the brokerage for one order of a client, by its own list of fills. */
  const traded = async (orderId: string): Promise<number> => {
    const all = await world.paper.orders();
    const ids = new Set([1, 2].map((revision) => brokerOrderIdFor(orderId, revision)));
    const own = new Set(all.filter(({ client_order_id }) => ids.has(client_order_id)).map(({ id }) => id));
    const { body } = await world.paper.call<{ order_id: string; qty: string }[]>(
      'GET',
      '/v2/account/activities/FILL?page_size=100',
    );
    return body.filter(({ order_id }) => own.has(order_id)).reduce((sum, { qty }) => sum + Number(qty), 0);
  };

  it('of a partly filled order buys exactly the total, and never more on the way', async () => {
    const all = Array.from({ length: 6 }, (_, n) => ({
      terms: restingTerms({ limitPrice: '100', quantity: '40' }),
      total: 45 + n * 10,
    }));
    await Promise.all(all.map(({ terms }) => world.submit(terms)));
    await Promise.all(
      all.map(async ({ terms, total }) => {
        const first = brokerOrderIdFor(terms.orderId, 1);
        await until('it is partly filled', async () => (await world.story(first)).includes('ExecutionReported'));
        await world.replace(terms, { quantity: String(total) });
        const second = brokerOrderIdFor(terms.orderId, 2);
        await until('it is replaced or refused', async () => {
          expect(await traded(terms.orderId)).toBeLessThanOrEqual(total);
          return (
            (await world.brokerOrder(second)).progress === 'filled' ||
            (await world.story(second)).includes('BrokerReplaceRejected')
          );
        });
        const { progress, filledQuantity } = await world.brokerOrder(second);
        expect(await traded(terms.orderId)).toBe(progress === 'filled' ? total : 40);
        if (progress === 'filled') expect(filledQuantity).toBe(String(total));
      }),
    );
    await until('nothing is open', async () => (await world.openSteps()).length === 0 && (await world.rows()).length === 0);
  }, 40_000);

  it.each([['timeout-after-accept'], ['500-after-accept'], ['timeout-before-accept'], ['429']])(
    'under a %s is carried out once',
    async (kind) => {
      const terms = restingTerms();
      const first = await world.submit(terms);
      await world.reaches(first, 'working');
      for (const on of ['replace', 'cancel', 'submit']) await world.paper.fault({ kind, symbol: 'ACME', on, ms: 3_000 });
      const second = await world.replace(terms, { quantity: '20' });
      await world.reaches(second, 'working');
      expect(['replaced', 'canceled']).toContain((await world.brokerOrder(first)).progress);
      const there = (await world.paper.orders()).filter(({ client_order_id }) => client_order_id === second);
      expect(there).toMatchObject([{ qty: '20', status: 'new' }]);
    },
    30_000,
  );

  it('of an order that is cancelled at the same time leaves nothing open', async () => {
    const terms = restingTerms();
    const first = await world.submit(terms);
    await world.reaches(first, 'working');
    const [order] = (await world.paper.orders()).filter(({ client_order_id }) => client_order_id === first);
    await world.paper.call('DELETE', `/v2/orders/${order?.id}`);
    // Whose cancel ended it cannot be told where ours makes room for the replacement: in that race it is sent.
    if (gateway === 'false') await world.reaches(first, 'canceled');
    const second = await world.replace(terms, { quantity: '20' });
    await world.reaches(first, 'canceled');
    await world.reaches(second, 'rejected');
    const open = await world.paper.call<{ client_order_id: string }[]>('GET', '/v2/orders?status=open&limit=500');
    expect(open.body.filter(({ client_order_id }) => [first, second].includes(client_order_id))).toEqual([]);
  }, 30_000);
});
