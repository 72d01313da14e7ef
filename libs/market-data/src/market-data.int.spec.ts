import { topics } from '@tradecore/events';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { metricsPage } from '@tradecore/telemetry';
import { MarketData } from './market-data.ts';
import { publishMarket, sampleQuote, sampleSession } from './testing.ts';

let kafka: TestKafka;
const started: MarketData[] = [];
beforeEach(async () => (kafka = await createTestKafka({ declarations: [topics.marketData] })));
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.stop()));
  await kafka.drop();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function marketData(): Promise<MarketData> {
  const market = new MarketData();
  started.push(market);
  market.start(kafka.another());
  await until(() => market.ready);
  return market;
}

describe('market data', () => {
  it('is read in full before it is ready: the last record of each symbol, whatever precedes it', async () => {
    const symbols = Array.from({ length: 200 }, (_, n) => `S${n}`);
    for (const lastPrice of ['1', '2', '3']) {
      await publishMarket(kafka.kafka, ...symbols.map((symbol) => sampleQuote({ symbol, lastPrice })));
    }
    const session = sampleSession();
    await publishMarket(kafka.kafka, session, sampleQuote({ halted: true }));
    const market = await marketData();
    expect(symbols.map((symbol) => market.quote(symbol)?.lastPrice)).toEqual(symbols.map(() => '3'));
    expect(market.quote('ACME')).toMatchObject({ halted: true, lastPrice: '100', tick: '0.01', lot: '1' });
    expect(market.session()).toEqual(session);
    expect(market.quote('NONE')).toBeUndefined();
  });

  it('is ready on an empty topic, and follows new records', async () => {
    const market = await marketData();
    expect([market.quote('ACME'), market.session()]).toEqual([undefined, undefined]);
    await publishMarket(kafka.kafka, sampleQuote({ lastPrice: '101.50' }));
    await until(() => market.quote('ACME') !== undefined);
    expect(market.quote('ACME')?.lastPrice).toBe('101.5');
    await kafka.kafka.eventBus().publish(topics.marketData.name, { key: 'ACME', value: null });
    await until(() => market.quote('ACME') === undefined);
  });

  it('is ready when a topic ends with an aborted transaction', async () => {
    await kafka.abortOn(topics.marketData.name);
    expect((await marketData()).ready).toBe(true);
  });

  it('is read by each instance independently', async () => {
    await publishMarket(kafka.kafka, sampleQuote());
    const both = await Promise.all([marketData(), marketData()]);
    expect(both.map((each) => each.quote('ACME')?.symbol)).toEqual(['ACME', 'ACME']);
  });

  it('is read again in full when its topic was recreated while nobody read it', async () => {
    const market = await marketData();
    await publishMarket(kafka.kafka, sampleQuote());
    await until(() => market.quote('ACME') !== undefined);
    await market.stop();
    await kafka.remake(topics.marketData.name);
    const symbols = Array.from({ length: 30 }, (_, n) => `S${n}`); // more in each partition than in the old log
    await publishMarket(kafka.another(), ...symbols.map((symbol) => sampleQuote({ symbol })));
    market.start(kafka.another());
    await until(() => symbols.every((symbol) => market.quote(symbol) !== undefined));
  });

  it('ignores and counts invalid records, and keeps what it knew', async () => {
    const invalid = async () =>
      Number(/^tradecore_market_data_records_total\{outcome="invalid"\} (.*)$/m.exec(await metricsPage())?.[1]);
    const market = await marketData();
    const before = await invalid();
    const good = sampleQuote();
    await publishMarket(kafka.kafka, good);
    const publish = (value: string, key = 'ACME') => kafka.kafka.eventBus().publish(topics.marketData.name, { key, value });
    const bad = [
      'not json',
      '[]',
      '{}',
      JSON.stringify({ ...good, lastPrice: 7 }),
      JSON.stringify({ ...good, lastPrice: '-1' }),
      JSON.stringify({ ...good, tick: '0' }),
      JSON.stringify({ ...good, pricedAt: 'yesterday' }),
      JSON.stringify({ ...good, halted: undefined }),
      JSON.stringify({ ...good, symbol: 'OTHER' }),
      JSON.stringify(sampleSession()),
    ];
    for (const value of bad) await publish(value);
    await publish(JSON.stringify({ ...good, symbol: 'LAST' }), 'LAST');
    await until(() => market.quote('LAST') !== undefined);
    while ((await invalid()) < before + bad.length) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(market.quote('ACME')).toEqual(good);
    expect([market.quote('OTHER'), market.session()]).toEqual([undefined, undefined]);
  });

  it('has the same metric series in every process, whatever the name of its consumer group', async () => {
    await marketData();
    await publishMarket(kafka.kafka, sampleQuote());
    const text = await metricsPage();
    expect(text).toMatch(/tradecore_messaging_rebalances_total\{group="market-data"\}/);
    expect(text).not.toMatch(/group="[^"]*[0-9a-f]{8}-[0-9a-f]{4}-/);
  });

  it('accepts records with unknown fields', async () => {
    const market = await marketData();
    await kafka.kafka.eventBus().publish(topics.marketData.name, {
      key: 'ACME',
      value: JSON.stringify({ ...sampleQuote({ pricedAt: '2026-01-02T03:04:05Z' }), bid: '99' }),
    });
    await until(() => market.quote('ACME') !== undefined);
    expect(market.quote('ACME')).toEqual(sampleQuote({ pricedAt: '2026-01-02T03:04:05Z' }));
  });
});
