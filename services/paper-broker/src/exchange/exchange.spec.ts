import { decimal } from '@tradecore/money';
import { Exchange, newYork, Refusal, type ExchangeOptions, type OrderRequest, type ExchangeOrder } from './index.ts';

const start = Date.parse('2025-07-01T14:00:00Z');
const day = 24 * 3_600_000;
let names = 0;

/** A market order for 10 ACME, which costs 100.00. */
const buy = (changes: Partial<OrderRequest> = {}): OrderRequest => ({
  clientOrderId: `name-${(names += 1)}`,
  symbol: 'ACME',
  side: 'buy',
  type: 'market',
  timeInForce: 'day',
  qty: '10',
  ...changes,
});
const limit = (limitPrice: string, changes: Partial<OrderRequest> = {}) => buy({ type: 'limit', limitPrice, ...changes });

/** An account `me` with 100,000; prices do not move and orders fill completely. */
class Scene {
  readonly exchange: Exchange;

  constructor(options: Partial<ExchangeOptions> = {}) {
    this.exchange = new Exchange({ seed: 1, walks: false, partialFills: 0, ...options });
    this.exchange.open('me', '100000', start);
    this.exchange.tick(start);
  }

  submit(request: OrderRequest, now = start): ExchangeOrder {
    return this.exchange.submit('me', request, now);
  }

  /** Submits, and lets the exchange work on it. */
  place(request: OrderRequest, now = start): ExchangeOrder {
    const { id } = this.submit(request, now);
    this.exchange.work(now);
    return this.at(id);
  }

  price(symbol: string, price: string, now = start): void {
    this.exchange.setQuote(symbol, { price }, now);
    this.exchange.tick(now);
  }

  at = (id: string): ExchangeOrder => this.exchange.order('me', id);
  told = (): string[] => this.exchange.takeUpdates().map(({ event }) => event);

  /** The refusal, as Alpaca words it. */
  refusal(act: () => unknown): Pick<Refusal, 'status' | 'code' | 'message'> {
    try {
      act();
    } catch (error) {
      if (error instanceof Refusal) return { status: error.status, code: error.code, message: error.message };
      throw error;
    }
    throw new Error('nothing was refused');
  }
}

describe('an order', () => {
  it('is accepted, then acknowledged, then filled at the last price', () => {
    const scene = new Scene();
    const order = scene.submit(buy());
    expect(order).toMatchObject({ status: 'pending_new', hold: '1040' });
    expect(scene.told()).toEqual([]);
    scene.exchange.work(start);
    expect(scene.told()).toEqual(['new', 'fill']);
    expect(scene.at(order.id)).toMatchObject({ status: 'filled', filledQty: '10', filledValue: '1000', hold: '0' });
    expect(scene.exchange.account('me')).toMatchObject({ cash: '99000', held: '0', power: '99000', longValue: '1000' });
  });

  it('has prices in cents; below one dollar, in hundredths of a cent', () => {
    const scene = new Scene();
    scene.price('ACME', '0.5432');
    expect(scene.place(limit('0.5431')).status).toBe('new');
    for (const price of ['0.54321', '1.0001'])
      expect(scene.refusal(() => scene.submit(limit(price)))).toMatchObject({ status: 422 });
  });

  it('may be for a fraction of a share, if fractionable, as a day order; money is exact to nine places', () => {
    const scene = new Scene({ partialFills: 0.9 });
    const third = buy({ symbol: 'AAPL', qty: '0.333333333' });
    expect(scene.place(third)).toMatchObject({ status: 'filled', filledQty: '0.333333333', filledValue: '68.389999932' });
    expect(scene.exchange.account('me').cash).toBe('99931.610000068');
    expect(scene.place(buy({ symbol: 'AAPL', qty: '0.333333333', side: 'sell' })).status).toBe('filled');
    expect([scene.exchange.account('me').cash, scene.exchange.positions('me')]).toEqual(['100000', []]);
    expect(scene.refusal(() => scene.submit(buy({ qty: '1.5' })))).toEqual({
      ...{ status: 403, code: 40310000, message: 'asset "ACME" is not fractionable' },
    });
    expect(scene.refusal(() => scene.submit({ ...third, clientOrderId: 'gtc', timeInForce: 'gtc' }))).toMatchObject({
      message: 'fractional orders must be DAY orders',
    });
  });

  it('with a limit waits for its price and never pays more; it holds money at the limit', () => {
    const scene = new Scene();
    const { id } = scene.place(limit('99'));
    expect(scene.exchange.account('me')).toMatchObject({ held: '990', power: '99010' });
    scene.price('ACME', '99.01');
    expect(scene.at(id).status).toBe('new');
    scene.price('ACME', '98.50');
    expect(scene.at(id)).toMatchObject({ status: 'filled', filledValue: '985' });
    expect(scene.exchange.account('me')).toMatchObject({ cash: '99015', held: '0' });
  });

  it('with a stop waits until the price is met, then trades at the market or at its limit', () => {
    const scene = new Scene();
    const stop = scene.place(buy({ type: 'stop', stopPrice: '105' }));
    const both = scene.place(buy({ type: 'stop_limit', stopPrice: '105', limitPrice: '105.50' }));
    scene.price('ACME', '104.99');
    expect([scene.at(stop.id).status, scene.at(both.id).status]).toEqual(['new', 'new']);
    scene.price('ACME', '106');
    expect([scene.at(stop.id).status, scene.at(both.id).status]).toEqual(['filled', 'new']);
    scene.price('ACME', '105.20');
    expect(scene.at(both.id)).toMatchObject({ status: 'filled', filledValue: '1052' });
  });

  it('for a day ends with its day; a good-till-cancelled order does not', () => {
    const scene = new Scene();
    const [today, forEver] = [scene.place(limit('90')), scene.place(limit('90', { timeInForce: 'gtc' }))];
    scene.exchange.tick(start + day);
    expect([scene.at(today.id), scene.at(forEver.id)]).toMatchObject([{ status: 'expired', hold: '0' }, { status: 'new' }]);
  });

  it('immediate-or-cancel fills what it can; fill-or-kill fills completely', () => {
    const scene = new Scene({ partialFills: 0.95, seed: 3 });
    expect(scene.place(limit('99', { timeInForce: 'ioc' }))).toMatchObject({ status: 'canceled', filledQty: '0' });
    const ioc = scene.place(buy({ timeInForce: 'ioc', qty: '40' }));
    expect(ioc.status).toBe('canceled');
    expect(Number(ioc.filledQty)).toBeGreaterThan(0);
    expect(Number(ioc.filledQty)).toBeLessThan(40);
    for (let n = 0; n < 20; n += 1) expect(scene.place(buy({ timeInForce: 'fok' }))).toMatchObject({ status: 'filled' });
  });

  it('fills in parts if the market takes parts, each an execution', () => {
    const scene = new Scene({ partialFills: 0.95, seed: 3 });
    const { id } = scene.place(buy({ qty: '100' }));
    expect(scene.at(id).status).toBe('partially_filled');
    for (let n = 0; n < 200; n += 1) scene.exchange.tick(start + n);
    expect(scene.at(id).status).toBe('filled');
    const executions = scene.exchange.executions('me');
    expect(executions.length).toBeGreaterThan(1);
    expect(executions.at(-1)).toMatchObject({ cumQty: '100', leavesQty: '0', sequence: executions.length });
  });

  it('waits while the market is closed or the symbol is halted', () => {
    const scene = new Scene({ session: newYork });
    const evening = Date.parse('2025-07-01T22:00:00Z');
    const { id } = scene.place(buy(), evening);
    expect(scene.at(id)).toMatchObject({ status: 'new', expiresAt: Date.parse('2025-07-02T20:00:00Z') });
    scene.exchange.setQuote('ACME', { halted: true }, evening);
    const morning = Date.parse('2025-07-02T13:30:00Z');
    scene.exchange.tick(morning);
    expect(scene.at(id).status).toBe('new');
    scene.exchange.setQuote('ACME', { halted: false }, morning);
    scene.exchange.tick(morning);
    expect(scene.at(id).status).toBe('filled');
    expect(scene.refusal(() => scene.submit(buy({ timeInForce: 'ioc' }), evening))).toMatchObject({
      status: 422,
      code: 42210000,
    });
  });
});

describe('a replacement', () => {
  it('has a new id and carries fills over; the larger need is held meanwhile', () => {
    const scene = new Scene({ partialFills: 0.95, seed: 3 });
    const { id, filledQty } = scene.place(limit('100', { qty: '40' }));
    expect(filledQty).toBe('19');
    scene.told();
    const replacement = scene.exchange.replace('me', id, { clientOrderId: 'second', qty: '60', limitPrice: '90' }, start);
    expect([scene.at(id), replacement]).toMatchObject([
      { status: 'pending_replace', hold: '3690' },
      { status: 'pending_new', replaces: id, hold: '0' },
    ]);
    expect(scene.refusal(() => scene.exchange.cancel('me', id, start)).message).toBe('order is in "pending_replace" state');
    scene.exchange.work(start);
    expect(scene.told()).toEqual(['pending_replace', 'replaced', 'new']);
    expect([scene.at(id), scene.at(replacement.id)]).toMatchObject([
      { status: 'replaced', replacedBy: replacement.id, hold: '0' },
      { status: 'partially_filled', qty: '60', filledQty: '19', hold: '3690' },
    ]);
    const [fill] = scene.exchange.executions('me');
    scene.exchange.bust(fill?.id as string, start);
    expect([scene.at(id).filledQty, scene.at(replacement.id).filledQty]).toEqual(['0', '0']);
  });

  it.each([
    ['by setting', { replaceCarriesFills: false }, 0],
    ['by script', {}, 1],
  ])('counts from zero if fills are not carried over (%s): all of it may trade', (_, options, times) => {
    const scene = new Scene({ partialFills: 0.95, seed: 3, ...options });
    const { id, filledQty } = scene.place(limit('100', { qty: '40' }));
    if (times > 0) scene.exchange.faults.add({ id: 'f', kind: 'replace-counts-from-zero', times, probability: 1 });
    const replacement = scene.exchange.replace('me', id, { clientOrderId: 'second', qty: '60', limitPrice: '90' }, start);
    scene.exchange.work(start);
    expect([scene.at(id), scene.at(replacement.id)]).toMatchObject([
      { status: 'replaced', filledQty },
      { status: 'new', qty: '60', filledQty: '0', hold: '5400' },
    ]);
    const [fill] = scene.exchange.executions('me');
    scene.exchange.bust(fill?.id as string, start);
    expect(scene.at(replacement.id).filledQty).toBe('0');
  });

  it.each([
    ['fill-before-replace', 'filled', ['pending_replace', 'fill', 'order_replace_rejected', 'rejected']],
    ['replace-rejected', 'new', ['pending_replace', 'order_replace_rejected', 'rejected']],
  ] as const)('under %s is rejected, and the old order is %s', (kind, status, told) => {
    const scene = new Scene();
    const { id } = scene.place(limit('90'));
    scene.told();
    scene.exchange.faults.add({ id: 'f', kind, times: 1, probability: 1 });
    const replacement = scene.exchange.replace('me', id, { clientOrderId: kind, qty: '20' }, start);
    scene.exchange.work(start);
    expect(scene.told()).toEqual(told);
    expect([scene.at(id).status, scene.at(replacement.id).status]).toEqual([status, 'rejected']);
    expect(scene.exchange.account('me').held).toBe(status === 'filled' ? '0' : '900');
  });

  it('is refused below the filled quantity, after the end, without the money, and with a duplicate client order id', () => {
    const scene = new Scene({ partialFills: 0.95, seed: 3 });
    const { id, clientOrderId } = scene.place(limit('100', { qty: '40' }));
    const refused = (changes: object) =>
      scene.refusal(() => scene.exchange.replace('me', id, { clientOrderId: 'fresh', ...changes }, start));
    expect(refused({ qty: '19' })).toEqual({ status: 422, code: 42210000, message: 'qty must be > filled_qty 19' });
    expect(refused({ qty: '2000' })).toMatchObject({ status: 403, message: 'insufficient buying power' });
    expect(refused({ clientOrderId })).toMatchObject({ status: 422, code: 40010001 });
    scene.exchange.cancel('me', id, start);
    expect(refused({ qty: '50' }).message).toBe('cannot replace order in pending_cancel status');
  });
});

describe('a cancel', () => {
  it.each([
    [undefined, 'canceled', '0', ['pending_cancel', 'canceled']],
    ['partial-then-cancel-race', 'canceled', '5', ['pending_cancel', 'partial_fill', 'canceled']],
    ['cancel-rejected', 'filled', '10', ['pending_cancel', 'fill', 'order_cancel_rejected']],
    ['fill-after-cancel', 'canceled', '5', ['pending_cancel', 'canceled', 'partial_fill']],
  ] as const)('with %s ends %s with %s filled', (kind, status, filledQty, told) => {
    const scene = new Scene();
    const { id } = scene.place(limit('90'));
    scene.told();
    if (kind) scene.exchange.faults.add({ id: 'f', kind, times: 1, probability: 1 });
    scene.exchange.cancel('me', id, start);
    scene.exchange.tick(start);
    expect(scene.told()).toEqual(told);
    expect(scene.at(id)).toMatchObject({ status, filledQty, hold: '0' });
    expect(scene.refusal(() => scene.exchange.cancel('me', id, start)).message).toBe(`order is already in "${status}" state`);
  });
});

describe('what is refused', () => {
  const scene = new Scene();
  scene.place(buy({ clientOrderId: 'taken' }));

  it.each([
    ['a duplicate client order id', { clientOrderId: 'taken' }, 422, 40010001, 'client_order_id must be unique'],
    ['an unknown symbol', { symbol: 'NOPE' }, 422, 42210000, 'asset "NOPE" not found'],
    ['a halted symbol', { symbol: 'HALT' }, 422, 42210000, 'asset "HALT" is not tradable'],
    ['half a share', { qty: '0.5' }, 403, 40310000, 'asset "ACME" is not fractionable'],
    ['a quantity of zero', { qty: '0' }, 422, 42210000, 'qty must be > 0'],
    ['a quantity that is not a number', { qty: 'ten' }, 422, 40010001, 'qty must be a number'],
    ['a limit order without a limit', { type: 'limit' }, 422, 40010001, 'limit orders require a limit price'],
    ['a market order with a limit', { limitPrice: '9' }, 422, 40010001, 'market orders must not have a limit price'],
    [
      'an immediate stop order',
      { type: 'stop', stopPrice: '9', timeInForce: 'ioc' },
      422,
      42210000,
      'invalid time_in_force ioc for a stop order',
    ],
    ['a buy for more than the money', { qty: '1000' }, 403, 40310000, 'insufficient buying power'],
    [
      'a sell of more than the shares',
      { side: 'sell', qty: '11' },
      403,
      40310000,
      'insufficient qty available for order (requested: 11, available: 10)',
    ],
  ] as const)('%s', (_, changes, ...refusal) => {
    const { status, code, message } = scene.refusal(() => scene.submit(buy(changes)));
    expect([status, code, message]).toEqual(refusal);
  });

  it('a price between two ticks', () => {
    const message = 'invalid limit_price 9.999. sub-penny increment does not fulfill minimum pricing criteria';
    expect(scene.refusal(() => scene.submit(limit('9.999')))).toEqual({ status: 422, code: 42210000, message });
  });

  it('a sell of shares that an open sell holds', () => {
    scene.place(limit('120', { side: 'sell', qty: '8' }));
    expect(scene.refusal(() => scene.submit(buy({ side: 'sell', qty: '3' }))).message).toContain('available: 2');
  });
});

describe('executions', () => {
  it('that are busted or corrected change the books, and the update names the old execution', () => {
    const scene = new Scene();
    const { id } = scene.place(buy());
    const [fill] = scene.exchange.executions('me');
    scene.told();
    scene.exchange.correct(fill?.id as string, { qty: '8', price: '90' }, start);
    expect(scene.exchange.takeUpdates()).toMatchObject([
      {
        event: 'trade_correct',
        execution: { qty: '8', price: '90', positionQty: '8', previousId: fill?.id },
        order: { filledQty: '8' },
      },
    ]);
    expect(scene.exchange.account('me').cash).toBe('99280');
    scene.exchange.bust(fill?.id as string, start);
    expect(scene.told()).toEqual(['trade_bust']);
    expect(scene.exchange.account('me')).toMatchObject({ cash: '100000', longValue: '0' });
    expect(scene.exchange.executions('me')).toEqual([]);
    expect(scene.at(id).filledQty).toBe('0');
  });
});

describe('positions', () => {
  it('have an average cost, and a sale takes its share of it', () => {
    const scene = new Scene();
    scene.place(buy());
    scene.price('ACME', '110');
    scene.place(buy({ qty: '5' }));
    scene.place(buy({ side: 'sell', qty: '6' }));
    expect(scene.exchange.positions('me')).toMatchObject([{ symbol: 'ACME', qty: '9', cost: '930', price: '110' }]);
  });
});

describe('memory', () => {
  it('is bounded: closed orders are forgotten by age and number, oldest first, and their ids are free again', () => {
    const scene = new Scene({ keepClosed: 3, keepClosedMs: 2 * day });
    const placed = [0, 1, 2, 3, 4].map((n) => scene.place(buy({ clientOrderId: `kept-${n}` }), start + n));
    scene.exchange.tick(start + 10);
    const kept = () => scene.exchange.orders('me', { status: 'all', ascending: true }).map(({ id }) => id);
    expect(kept()).toEqual(placed.slice(2).map(({ id }) => id));
    expect(scene.exchange.executions('me')).toHaveLength(3);
    expect(scene.place(buy({ clientOrderId: 'kept-0' }), start + 11).status).toBe('filled');
    scene.exchange.tick(start + 3 * day);
    expect(kept()).toEqual([]);
  });
});

describe('a stored state', () => {
  it('with an unlisted symbol is refused, unless it has only a price', () => {
    const restore = (table: string) => new Exchange({ seed: 1 }).restore([{ table, key: 'x', row: { id: 'x', symbol: 'GONE' } }]);
    for (const table of ['orders', 'holdings', 'executions']) {
      expect(() => restore(table)).toThrow('the stored state contains GONE, which is not listed');
    }
    expect(() => restore('quotes')).not.toThrow();
  });
});

describe('prices', () => {
  it('walk by seed around the closes, in whole ticks', () => {
    const walk = (seed: number) => {
      const exchange = new Exchange({ seed });
      for (let n = 0; n < 2000; n += 1) exchange.tick(start + n);
      const quotes = exchange.instruments.map(({ symbol }) => exchange.quote(symbol).price);
      for (const price of quotes) expect(decimal(price)).toBe(price);
      return quotes.map(Number);
    };
    expect(walk(7)).toEqual(walk(7));
    expect(walk(7)).not.toEqual(walk(8));
    const prices = walk(7);
    for (const [index, { close, halted }] of new Exchange({ seed: 7 }).instruments.entries()) {
      const price = prices[index] as number;
      expect(Math.round(price * 100)).toBeCloseTo(price * 100, 6);
      expect(Math.abs(price / Number(close) - 1)).toBeLessThan(halted ? 1e-9 : 0.05);
    }
  });
});
