import { freshId, tradingControlIdFor } from '@tradecore/events';
import { controlsResponse } from '@tradecore/api';
import { sampleQuote, sampleSession } from '@tradecore/market-data/testing';
import { RunningCommandApi, type Answer } from './running-command-api.ts';

let service: RunningCommandApi;
let operator: string;
/** Each test's own client. */
let api: RunningCommandApi;
beforeAll(async () => {
  service = await RunningCommandApi.start();
  operator = await service.bearer([], { subject: 'op', role: 'operator' });
});
afterAll(() => service.stop());
beforeEach(async () => (api = await service.newClient()));
/** What holds for all accounts holds for the next test too. */
afterEach(async () => {
  await pull('all', 'resumed');
  await limit('all', {});
});

const pull = (scope: string, trading: 'halted' | 'resumed', reason = 'a test'): Promise<Answer> =>
  api.post('/v1/admin/kill-switch', { scope, trading, reason }, { authorization: operator });
const limit = (scope: string, limits: object): Promise<Answer> =>
  api.post(`/v1/admin/limits/${scope}`, limits, { authorization: operator, method: 'PUT' });
const place = (changes: object = {}, client = api): Promise<Answer> => client.post('/v1/orders', client.terms({ ...changes }));

describe('the kill switch', () => {
  it.each(['all', 'the account'])(
    'of %s denies the very next order and lets those that are there be cancelled',
    async (which) => {
      const scope = which === 'all' ? 'all' : api.account;
      const before = await place();
      const { status, body } = await pull(scope, 'halted', 'runaway strategy');
      expect([status, controlsResponse.parse(body)]).toEqual([
        200,
        { scope, trading: 'halted', reason: 'runaway strategy', limits: {}, version: 1 },
      ]);
      const denied = await place();
      expect([denied.status, denied.body]).toMatchObject([
        201,
        { status: 'denied', denial: { rule: 'trading-halted', figures: { scope, reason: 'runaway strategy' } } },
      ]);
      expect((await api.post(`/v1/orders/${String(before.body['id'])}/cancel`)).status).toBe(202);
      expect((await pull(scope, 'resumed')).body['trading']).toBe('resumed');
      expect((await place()).body['status']).toBe('pendingNew');
    },
  );

  it('of one account is none of another’s', async () => {
    const other = await service.newClient();
    await pull(api.account, 'halted');
    expect((await place({}, other)).body['status']).toBe('pendingNew');
  });

  it('holds at once in another process too, and refuses the new terms of a replace', async () => {
    const second = await RunningCommandApi.beside(api.around);
    const client = await second.newClient();
    const before = await place({}, client);
    await pull('all', 'halted');
    expect((await place({}, client)).body).toMatchObject({ status: 'denied', denial: { rule: 'trading-halted' } });
    expect(before.body['status']).toBe('pendingNew');
    await second.stopService();
  });

  it('pulled again stores nothing; who pulled it, and why, is on record', async () => {
    const scope = api.account;
    await pull(scope, 'halted', 'first');
    expect((await pull(scope, 'halted', 'second')).body).toMatchObject({ reason: 'first', version: 1 });
    await pull(scope, 'resumed', 'over');
    const events = await api.database.dataSource.query(
      `select event_type as type, event_data as data, metadata->>'actor' as actor from event_store where aggregate_id = $1 order by position`,
      [tradingControlIdFor(scope)],
    );
    expect(events).toEqual([
      { type: 'TradingHalted', data: { scope, reason: 'first' }, actor: 'op' },
      { type: 'TradingResumed', data: { scope, reason: 'over' }, actor: 'op' },
    ]);
  });

  it('is for operators: 403 to clients, and nothing is stored', async () => {
    const before = await api.stored();
    const answers = [
      await api.post('/v1/admin/kill-switch', { scope: api.account, trading: 'halted', reason: 'mine' }),
      await api.post(`/v1/admin/limits/${api.account}`, {}, { method: 'PUT' }),
    ];
    expect(answers.map(({ status, body }) => [status, body['type']])).toEqual(
      Array(2).fill([403, 'https://tradecore.dev/problems/operators-only']),
    );
    expect(await api.stored()).toBe(before);
  });

  it('of an account that is not there is refused: 404, for it would look like one that holds', async () => {
    const answers = [await pull(freshId(), 'halted'), await limit(freshId(), { maxOrderQuantity: '1' })];
    expect(answers.map(({ status, body }) => [status, body['errors']])).toMatchObject([
      [404, [{ pointer: '#/scope' }]],
      [404, [{ pointer: '#/scope', in: 'path' }]],
    ]);
  });
});

describe('limits', () => {
  it('deny what is beyond them, with the figures; the tightest of those for all and for the account counts', async () => {
    expect(await limit('all', { maxOrderQuantity: '50', priceCollarPercent: '2' })).toMatchObject({
      status: 200,
      body: { scope: 'all', limits: { maxOrderQuantity: '50', priceCollarPercent: '2' } },
    });
    await limit(api.account, { maxOrderQuantity: '20', maxOrderValue: '1500.50' });
    const denials = [
      await place({ quantity: '21', limitPrice: '50' }),
      await place({ quantity: '15', limitPrice: '101' }),
      await place({ quantity: '10', limitPrice: '103' }),
      await place({ quantity: '14', limitPrice: '102' }),
    ];
    expect(denials.map(({ body }) => body['denial'] ?? body['status'])).toMatchObject([
      { rule: 'max-order-quantity', figures: { quantity: '21', maxOrderQuantity: '20' } },
      { rule: 'max-order-value', figures: { orderValue: '1515', maxOrderValue: '1500.5' } },
      { rule: 'price-collar', figures: { limitPrice: '103', worstPrice: '102' } },
      'pendingNew',
    ]);
  });

  it('are replaced as a whole: what is absent is not limited any more', async () => {
    await limit(api.account, { maxOrderQuantity: '1' });
    expect((await place()).body['status']).toBe('denied');
    expect((await limit(api.account, {})).body).toMatchObject({ limits: {}, version: 2 });
    expect((await place()).body['status']).toBe('pendingNew');
  });
});

describe('the rules', () => {
  afterEach(() => service.market(sampleSession(), sampleQuote()));

  it.each<[string, object, string]>([
    ['an unknown symbol', { symbol: 'NONE' }, 'unknown-symbol'],
    ['a halted symbol', { symbol: 'HALT' }, 'halted-symbol'],
    ['a price between two ticks', { limitPrice: '100.001' }, 'wrong-tick'],
    ['half a share where lots are whole', { quantity: '0.5' }, 'wrong-lot'],
    ['a limit that is far above the market', { limitPrice: '110.01' }, 'price-collar'],
    ['more than any order may have', { quantity: '1000000001' }, 'max-order-quantity'],
  ])('deny %s: 201, the order shows why', async (_name, changes, rule) => {
    const { status, body } = await place(changes);
    expect([status, body]).toMatchObject([201, { status: 'denied', denial: { rule, detail: expect.any(String) } }]);
    const again = await api.post('/v1/orders', api.terms({ ...changes, clientOrderId: body['clientOrderId'] }));
    expect([again.status, again.body]).toEqual([200, body]);
  });

  it('deny an order of an account that the token names and nobody opened', async () => {
    const named = freshId();
    const client = api.as(named, await api.bearer([named]));
    expect((await place({}, client)).body).toMatchObject({ status: 'denied', denial: { rule: 'no-such-account' } });
  });

  it('deny what trades at once while the market is closed, and let the rest wait', async () => {
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    await service.market({ kind: 'session', isOpen: false, nextOpen: soon, nextClose: soon, at: new Date().toISOString() });
    const statusOf = async (changes: object) => (await place(changes)).body['status'];
    expect(await statusOf({ type: 'market', limitPrice: undefined })).toBe('denied');
    expect(await statusOf({ timeInForce: 'ioc' })).toBe('denied');
    expect(await statusOf({ timeInForce: 'day' })).toBe('pendingNew');
    expect(await statusOf({ timeInForce: 'gtc' })).toBe('pendingNew');
  });

  it('deny a market order whose last price is old; a limit order goes on', async () => {
    const pricedAt = new Date(Date.now() - 61_000).toISOString();
    await service.market({
      kind: 'instrument',
      symbol: 'ACME',
      lastPrice: '100',
      pricedAt,
      tick: '0.01',
      lot: '1',
      halted: false,
    });
    const market = await place({ type: 'market', limitPrice: undefined });
    expect(market.body).toMatchObject({
      status: 'denied',
      denial: { rule: 'stale-price', figures: { lastPrice: '100', pricedAt } },
    });
    expect((await place()).body['status']).toBe('pendingNew');
  });
});
