import { freshId, topics, tradingControlIdFor } from '@tradecore/events';
import { createTestKafka } from '@tradecore/messaging/testing';
import { controlsResponse } from '@tradecore/api';
import { sampleQuote, sampleSession } from '@tradecore/market-data/testing';
import { RunningCommandApi, type Answer } from './running-command-api.ts';

let service: RunningCommandApi;
let operator: string;
/** A client for each test. */
let api: RunningCommandApi;
beforeAll(async () => {
  service = await RunningCommandApi.start();
  operator = await service.bearer([], { subject: 'op', role: 'operator' });
});
afterAll(() => service.stop());
beforeEach(async () => {
  api = await service.newClient();
  await api.deposit('100000');
});
/** What applies to all accounts would apply to the next test too. */
afterEach(async () => {
  await setSwitch('all', 'resumed');
  await limit('all', {});
});

const setSwitch = (scope: string, trading: 'halted' | 'resumed', reason = 'a test'): Promise<Answer> =>
  api.post('/v1/admin/kill-switch', { scope, trading, reason }, { authorization: operator });
const limit = (scope: string, limits: object, ifMatch = '*'): Promise<Answer> =>
  api.post(`/v1/admin/limits/${scope}`, limits, { authorization: operator, method: 'PUT', headers: { 'if-match': ifMatch } });
const place = (changes: object = {}, client = api): Promise<Answer> => client.post('/v1/orders', client.terms({ ...changes }));

describe('the kill switch', () => {
  it.each(['all', 'the account'])('of %s denies the very next order and lets existing ones be cancelled', async (which) => {
    const scope = which === 'all' ? 'all' : api.account;
    const before = await place();
    const { status, body } = await setSwitch(scope, 'halted', 'runaway strategy');
    expect([status, controlsResponse.parse(body)]).toEqual([
      200,
      { scope, trading: 'halted', reason: 'runaway strategy', limits: {}, version: 1 },
    ]);
    const denied = await place();
    expect([denied.status, denied.body]).toMatchObject([
      422,
      { rule: 'trading-halted', figures: { scope }, reason: 'runaway strategy' },
    ]);
    expect((await api.post(`/v1/orders/${String(before.body['id'])}/cancel`)).status).toBe(202);
    expect((await setSwitch(scope, 'resumed')).body['trading']).toBe('resumed');
    expect((await place()).body['status']).toBe('pendingNew');
  });

  it('of one account does not affect another', async () => {
    const other = await service.newClient();
    await other.deposit('100000');
    await setSwitch(api.account, 'halted');
    expect((await place({}, other)).body['status']).toBe('pendingNew');
  });

  it('applies at once in another process too, and refuses the new terms of a replace', async () => {
    const second = await RunningCommandApi.beside(api.around);
    const client = await second.newClient();
    await client.deposit('100000');
    const before = await place({}, client);
    await setSwitch('all', 'halted');
    expect((await place({}, client)).body).toMatchObject({ rule: 'trading-halted' });
    expect(before.body['status']).toBe('pendingNew');
    await second.stopService();
  });

  it('set again stores nothing; who set it, and why, is recorded', async () => {
    const scope = api.account;
    await setSwitch(scope, 'halted', 'first');
    expect((await setSwitch(scope, 'halted', 'second')).body).toMatchObject({ reason: 'first', version: 1 });
    await setSwitch(scope, 'resumed', 'over');
    const events = await api.database.dataSource.query(
      `select event_type as type, event_data as data, metadata->>'actor' as actor from event_store where aggregate_id = $1 order by position`,
      [tradingControlIdFor(scope)],
    );
    const actor = await api.personOf('op');
    const reason = { ref: expect.any(String) as string, hash: expect.any(String) as string };
    expect(events).toEqual([
      { type: 'TradingHalted', data: { scope, reason }, actor },
      { type: 'TradingResumed', data: { scope, reason }, actor },
    ]);
    const texts = await api.database.dataSource.query(
      `select text, person from texts join event_store on event_data->'reason'->>'ref' = ref::text where aggregate_id = $1 order by position`,
      [tradingControlIdFor(scope)],
    );
    expect(texts).toEqual(['first', 'over'].map((text) => ({ text, person: actor })));
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

  it('of an account that does not exist is refused: 404, because it would look like one that works', async () => {
    const answers = [await setSwitch(freshId(), 'halted'), await limit(freshId(), { maxOrderQuantity: '1' })];
    expect(answers.map(({ status, body }) => [status, body['errors']])).toMatchObject([
      [404, [{ pointer: '#/scope' }]],
      [404, [{ pointer: '#/scope', in: 'path' }]],
    ]);
  });
});

describe('limits', () => {
  it('deny orders beyond them, with the figures; the tighter of those for all and for the account applies', async () => {
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
    expect(denials.map(({ status, body }) => (status === 422 ? body : body['status']))).toMatchObject([
      { rule: 'max-order-quantity', figures: { quantity: '21', maxOrderQuantity: '20' } },
      { rule: 'max-order-value', figures: { orderValue: '1515', maxOrderValue: '1500.5' } },
      { rule: 'price-collar', figures: { limitPrice: '103', worstPrice: '102' } },
      'pendingNew',
    ]);
  });

  it('are replaced as a whole: an absent limit no longer applies', async () => {
    await limit(api.account, { maxOrderQuantity: '1' });
    expect((await place()).body['rule']).toBe('max-order-quantity');
    expect((await limit(api.account, {})).body).toMatchObject({ limits: {}, version: 2 });
    expect((await place()).body['status']).toBe('pendingNew');
  });

  it('are replaced only with If-Match: 428 without it, 412 with an old one, both with the current limits', async () => {
    const path = `/v1/admin/limits/${api.account}`;
    const first = await limit(api.account, { maxOrderQuantity: '7' }, api.tag(0));
    expect([first.status, first.headers.get('etag')]).toEqual([200, api.tag(1)]);
    const missing = await api.post(path, {}, { authorization: operator, method: 'PUT' });
    expect([missing.status, missing.headers.get('etag'), missing.body]).toMatchObject([
      428,
      api.tag(1),
      { type: 'https://tradecore.dev/problems/if-match-missing', version: 1, limits: { maxOrderQuantity: '7' } },
    ]);
    const stale = await limit(api.account, {}, api.tag(0));
    expect([stale.status, stale.headers.get('etag')]).toEqual([412, api.tag(1)]);
    expect((await limit(api.account, {}, `${api.tag(0)}, ${api.tag(1)}`)).status).toBe(200);
  });
});

describe('the rules', () => {
  afterEach(() => service.market(sampleSession(), sampleQuote()));

  it.each<[string, object, string]>([
    ['an unknown symbol', { symbol: 'NONE' }, 'unknown-symbol'],
    ['a halted symbol', { symbol: 'HALT' }, 'halted-symbol'],
    ['a price between two ticks', { limitPrice: '100.001' }, 'wrong-tick'],
    ['half a share when lots are whole shares', { quantity: '0.5' }, 'wrong-lot'],
    ['a limit far above the market', { limitPrice: '110.01' }, 'price-collar'],
    ['more shares than any order may have', { quantity: '1000000001' }, 'max-order-quantity'],
  ])('deny %s: 422 with the rule, and the same again', async (_name, changes, rule) => {
    const terms = api.terms({ ...changes });
    const { status, body } = await api.post('/v1/orders', terms);
    expect([status, body]).toMatchObject([422, { rule, detail: expect.any(String), figures: expect.any(Object) }]);
    const again = await api.post('/v1/orders', terms);
    expect(again).toMatchObject({ status: 422, body: { id: body['id'], rule, figures: body['figures'] } });
  });

  it('deny nothing while no price is published: 503, and the name stays free', async () => {
    const other = await RunningCommandApi.beside({
      ...api.around,
      kafka: await createTestKafka({ declarations: [topics.marketData] }),
    });
    const client = await other.newClient();
    await client.deposit('100000');
    const terms = client.terms({ symbol: 'NONE' });
    const answer = await client.post('/v1/orders', terms);
    expect([answer.status, answer.body['type'], answer.body['reason']]).toEqual([
      503,
      'https://tradecore.dev/problems/prices-unavailable',
      'unread',
    ]);
    await other.stopService();
    await other.around.kafka.drop();
    expect((await api.as(client.account, client.bearerText).post('/v1/orders', { ...terms, symbol: 'ACME' })).status).toBe(201);
  });

  it('deny an order of an account that the token names but that was never opened', async () => {
    const named = freshId();
    const client = api.as(named, await api.bearer([named]));
    expect((await place({}, client)).body).toMatchObject({ status: 422, rule: 'no-such-account' });
  });

  it('deny orders that trade at once while the market is closed, and let the rest wait', async () => {
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    await service.market({ kind: 'session', isOpen: false, nextOpen: soon, nextClose: soon, at: new Date().toISOString() });
    const statusOf = async (changes: object) => {
      const { body } = await place(changes);
      return body['rule'] ?? body['status'];
    };
    expect(await statusOf({ type: 'market', limitPrice: undefined })).toBe('market-closed');
    expect(await statusOf({ timeInForce: 'ioc' })).toBe('market-closed');
    expect(await statusOf({ timeInForce: 'day' })).toBe('pendingNew');
    expect(await statusOf({ timeInForce: 'gtc' })).toBe('pendingNew');
  });
});

describe('an order that can’t be decided', () => {
  const pricedAt = new Date(Date.now() - 61_000).toISOString();
  const market = { type: 'market', limitPrice: undefined };
  const problem = ({ status, headers, body }: Answer) => [
    status,
    headers.get('retry-after'),
    String(body['type']).split('/').at(-1),
  ];
  const unavailable = [503, '1', 'prices-unavailable'];
  afterEach(() => service.market(sampleSession(), sampleQuote()));

  it('because of an old price is answered 503 and not stored; orders that need no price are accepted', async () => {
    const before = await place();
    await service.market(sampleQuote({ pricedAt }));
    const stored = await api.stored();
    const answer = await place(market);
    expect([problem(answer), answer.body]).toMatchObject([unavailable, { reason: 'price', symbol: 'ACME', pricedAt }]);
    expect(problem(await place({ limitPrice: '150' }))).toEqual(unavailable);
    expect(await api.stored()).toBe(stored);
    expect((await place()).status).toBe(201);
    expect((await place({ limitPrice: '100.001' })).body['rule']).toBe('wrong-tick');
    expect((await api.post(`/v1/orders/${String(before.body['id'])}/cancel`)).status).toBe(202);
  });

  it('because its session is over is answered 503 if that matters', async () => {
    const over = new Date(Date.now() - 1000).toISOString();
    await service.market(sampleSession({ nextClose: over }));
    expect(problem(await place(market))).toEqual(unavailable);
    expect(problem(await place())).toEqual(unavailable);
    expect((await place({ timeInForce: 'gtc' })).status).toBe(201);
  });

  it('but was already stored is answered as a repeat', async () => {
    const terms = api.terms(market);
    const first = await api.post('/v1/orders', terms);
    await service.market(sampleQuote({ pricedAt }));
    expect(await api.post('/v1/orders', terms)).toMatchObject({ status: 200, body: first.body });
  });
});
