import { MarketFeed } from '../src/market-feed.ts';
import { StrangeBrokerage } from './strange-brokerage.ts';
import { revisionTerms, until, World } from './world.ts';

const at = new Date().toISOString();
const order = {
  ...{ id: 'x', client_order_id: 'theirs', symbol: 'ACME', side: 'buy', status: 'new', qty: '1', filled_qty: '0' },
  ...{ submitted_at: at, created_at: at },
};

describe('a brokerage that answers in unknown shapes', () => {
  let world: World;
  let brokerage: StrangeBrokerage;
  beforeAll(async () => {
    world = await World.create();
    brokerage = await StrangeBrokerage.before(world.paper.url);
    brokerage.assets = Array.from({ length: 11_000 }, (_, n) => ({ symbol: `X${n}`, tradable: true, fractionable: n % 2 === 0 }));
    brokerage.assets.push({ symbol: 'not a symbol', tradable: true }, { symbol: 'Y', tradable: 'perhaps' });
    await world.start({ BROKER_URL: brokerage.url, BROKER_STREAM_URL: `${brokerage.url.replace('http', 'ws')}/stream` });
  }, 60_000);
  afterAll(async () => {
    await world.stop();
    await brokerage.stop();
    await world.close();
  }, 30_000);

  const adopted = async (): Promise<string[]> => {
    const rows = await world.dataSource.query<{ id: string }[]>(
      `select event_data->>'brokerageOrderId' as id from event_store where event_type = 'ForeignOrderAdopted' order by 1`,
    );
    return rows.map(({ id }) => id);
  };
  const sweeps = () => world.metric('tradecore_broker_sweep_seconds_count');

  it('may list orders with several legs, options, crypto or a notional: each is foreign, and the rest is compared', async () => {
    brokerage.orders = [
      { ...order, id: 'several', symbol: '', side: '', order_class: 'mleg' },
      { ...order, id: 'option', symbol: 'ACME260117C00150000' },
      { ...order, id: 'coin', symbol: 'BTC/USD', filled_qty: '0.12345678912' },
      { ...order, id: 'money', qty: null, notional: '100', client_order_id: null },
    ];
    // One of them has an execution that cannot be read.
    brokerage.fills = [{ id: '20260102000000000::e1', order_id: 'coin', qty: '0.12345678912', price: '1', transaction_time: at }];
    await world.paper.fault({ kind: 'stream-gap', symbol: 'ACME' });
    const missed = await world.submit(revisionTerms());
    await until('it has traded at the brokerage', async () =>
      (await world.paper.orders()).some(({ client_order_id, status }) => client_order_id === missed && status === 'filled'),
    );
    await world.reconnect();
    await world.reaches(missed, 'filled');
    expect(await adopted()).toEqual(['coin', 'money', 'option', 'several']);
    await world.reconnect();
    expect(await adopted()).toHaveLength(4);
    const [{ until: compared }] = await world.dataSource.query('select until from broker_gateway.sweep');
    expect(Date.now() - compared.getTime()).toBeLessThan(10_000);
  }, 30_000);

  it('may send updates of such orders, or with an unreadable order: the stream continues', async () => {
    const [before, connections] = [await sweeps(), brokerage.connections];
    brokerage.orders.push({ ...order, id: 'told', symbol: null });
    brokerage.tell({ event: 'fill', timestamp: at, order: brokerage.orders.at(-1) });
    await until('it is adopted', async () => (await adopted()).includes('told'));
    brokerage.tell({ event: 'fill', order: 'which?' });
    await until('a sweep was made', async () => (await sweeps()) > before);
    const filled = await world.submit(revisionTerms());
    await world.reaches(filled, 'filled');
    expect(brokerage.connections).toBe(connections);
  }, 30_000);

  it('may have over 10,000 instruments: each slice is read and published, and an unreadable instrument is skipped', async () => {
    const feed = world.gateway!.app.get(MarketFeed, { strict: false });
    await until('all are priced', () => feed.lastPrice('X10999') === '5' && feed.lastPrice('ACME') === '100');
    expect(await world.metric('tradecore_market_feed_instruments')).toBeGreaterThanOrEqual(11_000);
    await until('all are published', async () => (await world.metric('tradecore_market_data_published_total')) >= 11_000);
    expect(await world.metric('tradecore_broker_unreadable_total{what="instrument"}')).toBeGreaterThanOrEqual(2);
    await until('the whole market was published', async () => (await world.metric('tradecore_market_feed_age_seconds')) <= 1);
    brokerage.broken = 'X9999';
    brokerage.refused = 'X42';
    const failed = () => world.metric('tradecore_market_feed_slices_total{outcome="failed"}');
    await until('a slice fails', async () => (await failed()) > 0);
    await world.paper.price('ACME', '101');
    await until('the other slices go on', () => feed.lastPrice('ACME') === '101');
    await until('the age shows it', async () => (await world.metric('tradecore_market_feed_age_seconds')) >= 2);
    brokerage.broken = '';
    // The refused symbol does not affect the others.
    await until('it is whole again', async () => (await world.metric('tradecore_market_feed_age_seconds')) <= 1);
    expect([feed.lastPrice('X43'), feed.lastPrice('X42')]).toEqual(['5', undefined]);
  }, 30_000);
});
