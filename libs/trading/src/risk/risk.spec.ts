import fc from 'fast-check';
import {
  orderSides,
  orderTypes,
  timesInForce,
  type InstrumentQuote,
  type MarketSession,
  type OrderTerms,
} from '@tradecore/events';
import { sampleTerms, sampleText } from '@tradecore/events/testing';
import { compare, decimal } from '@tradecore/money';
import { assess, type RiskFacts } from '../index.ts';
import { rules } from './risk-rules.ts';

const now = '2026-11-23T15:00:00.000Z';
const quote: InstrumentQuote = {
  kind: 'instrument',
  symbol: 'ACME',
  lastPrice: '100',
  pricedAt: '2026-11-23T14:59:59Z',
  tick: '0.01',
  lot: '1',
  halted: false,
};
const pennyShare: InstrumentQuote = { ...quote, tickBelowOne: '0.0001', lastPrice: '0.98' };
const fractionable: InstrumentQuote = { ...quote, lot: '0.000000001' };
const session: MarketSession = {
  kind: 'session',
  isOpen: true,
  nextOpen: '2026-11-24T14:30:00Z',
  nextClose: '2026-11-23T21:00:00Z',
  at: now,
};
const closed: MarketSession = { ...session, isOpen: false, nextOpen: '2026-11-24T14:30:00Z', nextClose: '2026-11-24T21:00:00Z' };
const facts = (changes: Partial<RiskFacts> = {}): RiskFacts => ({
  now,
  accountExists: true,
  quote,
  session,
  controls: { limits: [] },
  marketCollarPercent: '5',
  ...changes,
});
const without = <K extends keyof RiskFacts>(key: K): RiskFacts => {
  const { [key]: _, ...rest } = facts();
  return rest as RiskFacts;
};

const { limitPrice: _limit, clientOrderId: _id, ...unpriced } = sampleTerms();
const limit = (changes: Partial<OrderTerms> = {}): OrderTerms => ({ ...unpriced, limitPrice: '100', ...changes });
const market = (changes: Partial<OrderTerms> = {}): OrderTerms => ({ ...unpriced, type: 'market', ...changes });
const stop = (changes: Partial<OrderTerms> = {}): OrderTerms => ({ ...unpriced, type: 'stop', stopPrice: '110', ...changes });

const denied = (terms: OrderTerms, given: RiskFacts) => {
  const assessment = assess(terms, given);
  return 'denied' in assessment ? assessment.denied : undefined;
};
const approved = (terms: OrderTerms, given: RiskFacts = facts()) => {
  const assessment = assess(terms, given);
  if (!('approved' in assessment)) throw new Error(JSON.stringify(assessment));
  return assessment.approved;
};

describe('steps of prices and quantities', () => {
  it('are a hundredth of a cent below a dollar for limits, stops and collars, if the instrument says so', () => {
    const penny = facts({ quote: pennyShare });
    expect(approved(limit({ limitPrice: '0.9999' }), penny).reservePrice).toBe('0.9999');
    expect(approved(stop({ side: 'sell', stopPrice: '0.9001' }), penny).collarPrice).toBe('0.855');
    // 5 % above 0.98 is above a dollar: 1.029, on a cent.
    expect(approved(market(), penny).collarPrice).toBe('1.03');
    expect(approved(market({ side: 'sell' }), facts({ quote: { ...pennyShare, lastPrice: '0.0001' } })).collarPrice).toBe(
      '0.0001',
    );
    expect(approved(market({ side: 'sell' }), facts({ quote: { ...pennyShare, lastPrice: '1.02' } })).collarPrice).toBe('0.969');
  });

  it('are fractions of a share in day orders, if the instrument says so', () => {
    expect(approved(market({ quantity: '0.123456789' }), facts({ quote: fractionable })).reservePrice).toBe('105');
    expect(approved(limit({ quantity: '2', timeInForce: 'gtc' }), facts({ quote: fractionable })).reservePrice).toBe('100');
    expect(denied(market({ quantity: '0.5' }), facts())?.detail).toBe(
      'ACME is traded in whole shares: quantity must be a multiple of 1.',
    );
  });
});

it('a market order without a last price is neither approved nor denied', () => {
  const { lastPrice: _, ...unpricedQuote } = quote;
  expect(assess(market(), facts({ quote: unpricedQuote }))).toEqual({ unpriced: true });
  expect(approved(limit(), facts({ quote: unpricedQuote })).reservePrice).toBe('100');
});

describe('an order is denied', () => {
  it.each<[string, OrderTerms, RiskFacts, Record<string, string>]>([
    ['no-such-account', limit(), facts({ accountExists: false }), { accountId: limit().accountId }],
    [
      'trading-halted',
      limit(),
      facts({ controls: { halted: { scope: 'all', reason: sampleText('0001') }, limits: [] } }),
      { scope: 'all' },
    ],
    ['unknown-symbol', limit(), without('quote'), { symbol: 'ACME' }],
    ['halted-symbol', limit(), facts({ quote: { ...quote, halted: true } }), { symbol: 'ACME' }],
    ['wrong-tick', limit({ limitPrice: '100.005' }), facts(), { limitPrice: '100.005', tick: '0.01' }],
    ['wrong-tick', stop({ stopPrice: '110.001' }), facts(), { stopPrice: '110.001', tick: '0.01' }],
    ['wrong-tick', limit({ limitPrice: '1.0001' }), facts({ quote: pennyShare }), { limitPrice: '1.0001', tick: '0.01' }],
    ['wrong-tick', stop({ stopPrice: '0.00005' }), facts({ quote: pennyShare }), { stopPrice: '0.00005', tick: '0.0001' }],
    ['wrong-lot', limit({ quantity: '1.5' }), facts(), { quantity: '1.5', lot: '1' }],
    ['wrong-lot', limit({ quantity: '1.5', timeInForce: 'gtc' }), facts({ quote: fractionable }), { timeInForce: 'gtc' }],
    ['market-closed', market(), facts({ session: closed }), { now, nextOpen: closed.nextOpen, nextClose: closed.nextClose }],
    ['market-closed', limit({ timeInForce: 'ioc' }), facts({ session: closed }), { now }],
    ['market-closed', limit({ timeInForce: 'fok' }), facts({ session: closed }), { now }],
    ['market-closed', limit(), without('session'), { now }],
    ['market-closed', limit(), facts({ session: { ...session, nextClose: now } }), { nextClose: now }],
    [
      'max-order-quantity',
      limit({ quantity: '11' }),
      facts({ controls: { limits: [{ maxOrderQuantity: '20' }, { maxOrderQuantity: '10' }] } }),
      { quantity: '11', maxOrderQuantity: '10' },
    ],
    ['max-order-quantity', limit({ quantity: '1000000001' }), facts(), { maxOrderQuantity: '1000000000' }],
    [
      'max-order-value',
      limit({ quantity: '11' }),
      facts({ controls: { limits: [{ maxOrderValue: '1099.99' }] } }),
      { quantity: '11', price: '100', orderValue: '1100', maxOrderValue: '1099.99' },
    ],
    [
      'max-order-value',
      market({ quantity: '10' }),
      facts({ controls: { limits: [{ maxOrderValue: '1049' }] } }),
      { price: '105', orderValue: '1050' },
    ],
    ['max-order-value', limit({ limitPrice: '9999999999999999999' }), facts(), { maxOrderValue: '1000000000' }],
    [
      'price-collar',
      limit({ limitPrice: '110.01' }),
      facts(),
      { limitPrice: '110.01', referencePrice: '100', collarPercent: '10', worstPrice: '110' },
    ],
    ['price-collar', limit({ side: 'sell', limitPrice: '89.99' }), facts(), { worstPrice: '90' }],
    [
      'price-collar',
      limit({ limitPrice: '102.01' }),
      facts({ controls: { limits: [{ priceCollarPercent: '2' }, { priceCollarPercent: '20' }] } }),
      { collarPercent: '2' },
    ],
  ])('%s: %#', (rule, terms, given, figures) => {
    expect(denied(terms, given)).toMatchObject({ rule, figures });
  });

  it('by the first rule that it breaks, in the order of the table', () => {
    const names = [
      'no-such-account',
      'trading-halted',
      'unknown-symbol',
      'halted-symbol',
      'wrong-tick',
      'wrong-lot',
      'market-closed',
    ];
    expect(rules.map(({ name }) => name)).toEqual([...names, 'max-order-quantity', 'max-order-value', 'price-collar']);
    const halted = facts({
      accountExists: false,
      controls: { halted: { scope: 'all', reason: sampleText('0001') }, limits: [] },
    });
    expect(denied(limit({ quantity: '0.5', limitPrice: '500' }), halted)?.rule).toBe('no-such-account');
    expect(denied(limit({ quantity: '0.5', limitPrice: '500' }), { ...halted, accountExists: true })?.rule).toBe(
      'trading-halted',
    );
    expect(denied(limit({ quantity: '0.5', limitPrice: '500' }), facts())?.rule).toBe('wrong-lot');
  });

  it('with the compared figures, all as texts', () => {
    for (const terms of [limit({ limitPrice: '150' }), market({ quantity: '99999999' }), limit({ quantity: '0.1' })]) {
      const figures = Object.values(denied(terms, facts())?.figures ?? {});
      expect(figures.length).toBeGreaterThan(1);
      expect(figures.every((figure) => typeof figure === 'string')).toBe(true);
    }
  });
});

describe('an order is approved', () => {
  it('a limit at its limit, good until the session closes', () =>
    expect(approved(sampleTerms())).toEqual({
      referencePrice: '100',
      referencePriceAt: quote.pricedAt,
      reservePrice: '101.5',
      goodUntil: session.nextClose,
    }));

  it('a market buy at the collar over the last price, good for a minute', () =>
    expect(approved(market())).toMatchObject({ reservePrice: '105', collarPrice: '105', goodUntil: '2026-11-23T15:01:00.000Z' }));

  it('a market sell valued at the last price, its collar below', () =>
    expect(approved(market({ side: 'sell' }))).toMatchObject({ reservePrice: '100', collarPrice: '95' }));

  it('a sell of the cheapest share at one tick, because no price is zero', () =>
    expect(approved(market({ side: 'sell' }), facts({ quote: { ...quote, lastPrice: '0.01' } })).collarPrice).toBe('0.01'));

  it('an immediate order no longer than the session', () => {
    const soon = { ...session, nextClose: '2026-11-23T15:00:30Z' };
    expect(approved(market(), facts({ session: soon })).goodUntil).toBe(soon.nextClose);
    expect(approved(limit({ timeInForce: 'ioc' }), facts({ session: soon })).goodUntil).toBe(soon.nextClose);
    expect(approved(market({ timeInForce: 'gtc' }), facts()).goodUntil).toBe('2026-11-23T15:01:00.000Z');
  });

  it('a gtc limit without an end, even while the market is closed or its session is not known', () => {
    const gtc = limit({ timeInForce: 'gtc' });
    for (const given of [facts(), facts({ session: closed }), without('session')]) {
      expect(approved(gtc, given)).not.toHaveProperty('goodUntil');
    }
  });

  it('a day limit or stop for the next session', () => {
    expect(approved(limit(), facts({ session: closed })).goodUntil).toBe(closed.nextClose);
    expect(approved(stop(), facts({ session: closed })).goodUntil).toBe(closed.nextClose);
  });

  it('a limit with an old price, or without any price and then without a collar', () => {
    const { lastPrice: _p, pricedAt: _a, ...never } = quote;
    expect(approved(limit({ limitPrice: '500' }), facts({ quote: never }))).not.toHaveProperty('referencePrice');
    const old = facts({ quote: { ...quote, pricedAt: '2020-01-01T00:00:00Z' } });
    expect(approved(limit(), old).referencePriceAt).toBe('2020-01-01T00:00:00Z');
    expect(denied(limit({ limitPrice: '500' }), old)?.rule).toBe('price-collar');
  });

  it('a stop at the collar over its stop price, or over the last price if that is worse', () => {
    expect(approved(stop())).toMatchObject({ reservePrice: '115.5', collarPrice: '115.5' });
    expect(approved(stop({ stopPrice: '80' }))).toMatchObject({ reservePrice: '105', collarPrice: '105' });
    expect(approved(stop({ side: 'sell', stopPrice: '90' }))).toMatchObject({ reservePrice: '90', collarPrice: '85.5' });
  });

  it('a stop limit at its limit, its collar measured from the stop price', () => {
    const terms = { ...unpriced, type: 'stopLimit', stopPrice: '150', limitPrice: '151' } as const;
    expect(approved(terms)).toMatchObject({ reservePrice: '151' });
    expect(denied({ ...terms, limitPrice: '165.01' }, facts())?.figures).toMatchObject({ worstPrice: '165' });
  });

  it('exactly at each limit', () => {
    const limits = [{ maxOrderValue: '1100', maxOrderQuantity: '10', priceCollarPercent: '10' }];
    expect(approved(limit({ limitPrice: '110' }), facts({ controls: { limits } })).reservePrice).toBe('110');
    expect(approved(market(), facts({ quote: { ...quote, pricedAt: '2026-11-23T14:59:00Z' } })).reservePrice).toBe('105');
    expect(approved(market(), facts({ quote: { ...quote, pricedAt: '2026-11-23T15:00:09Z' } })).reservePrice).toBe('105');
  });
});

describe('for any order and market', () => {
  const price = fc.integer({ min: 1, max: 10_000_000 }).map((value) => decimal((value / 1e4).toFixed(4)));
  const terms: fc.Arbitrary<OrderTerms> = fc
    .record({
      side: fc.constantFrom(...orderSides),
      type: fc.constantFrom(...orderTypes),
      timeInForce: fc.constantFrom(...timesInForce),
      quantity: price,
      one: price,
      other: price,
    })
    .map(({ one, other, ...rest }) => ({
      ...unpriced,
      ...rest,
      ...(rest.type.toLowerCase().includes('limit') && { limitPrice: one }),
      ...(rest.type.startsWith('stop') && { stopPrice: other }),
    }));
  const given = fc
    .record({ lastPrice: price, tick: fc.constantFrom('0.0001', '0.01', '0.05', '1'), open: fc.boolean() })
    .map(({ lastPrice, tick, open }) =>
      facts({ quote: { ...quote, lastPrice, tick, lot: '0.0001' }, session: open ? session : closed }),
    );

  it('it is denied by a rule of the table, approved with a price, or has no known price; a buy without a limit reserves at its collar, on a tick', () => {
    fc.assert(
      fc.property(terms, given, (order, market) => {
        const assessment = assess(order, market);
        if ('denied' in assessment) return expect(rules.map(({ name }) => name)).toContain(assessment.denied.rule);
        if ('unpriced' in assessment) return expect(order.type).toBe('market');
        const { reservePrice, collarPrice } = assessment.approved;
        expect(compare(decimal(reservePrice), decimal('0'))).toBe(1);
        expect(collarPrice === undefined).toBe(order.limitPrice !== undefined);
        if (order.side === 'buy') expect(reservePrice).toBe(order.limitPrice ?? collarPrice);
        if (collarPrice !== undefined) expect(compare(decimal(collarPrice), decimal('0'))).toBe(1);
      }),
      { numRuns: 500 },
    );
  });
});
