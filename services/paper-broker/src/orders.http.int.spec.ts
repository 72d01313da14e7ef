import { startPaper, until, type Json, type Paper } from '../test/paper.ts';

describe('the HTTP API', () => {
  let paper: Paper;
  const second = { id: 'second', secret: 'second-secret' };

  beforeAll(async () => {
    paper = await startPaper();
    await paper.call('POST', '/accounts', { key_id: second.id, secret_key: second.secret, cash: '5000' });
  });
  afterAll(() => paper.stop());

  const byName = (name: string) => paper.call('GET', `/v2/orders:by_client_order_id?client_order_id=${name}`);

  it('requires keys, and the first account for control routes', async () => {
    for (const keys of [
      { id: 'paper', secret: 'wrong' },
      { id: '', secret: '' },
    ]) {
      const refused = await paper.call('GET', '/v2/account', undefined, keys);
      expect(refused).toMatchObject({ status: 401, body: { code: 40110000, message: 'request is not authorized' } });
    }
    for (const path of ['/faults', '/state']) expect((await paper.call('GET', path, undefined, second)).status).toBe(403);
    expect(await paper.call('GET', '/nothing')).toMatchObject({ status: 404, body: { code: 40410000 } });
  });

  it('separates accounts: money, orders, positions, client order ids', async () => {
    await paper.order({ client_order_id: 'apart' });
    expect((await paper.call('GET', '/v2/account', undefined, second)).body).toMatchObject({ cash: '5000' });
    expect((await paper.call<Json[]>('GET', '/v2/orders?status=all', undefined, second)).body).toEqual([]);
    const own = await byName('apart');
    expect((await paper.call('GET', `/v2/orders/${own.body['id']}`, undefined, second)).status).toBe(404);
    expect((await paper.order({ client_order_id: 'apart' }, second)).status).toBe(200);
  });

  it.each<[string, Json, number, number, RegExp]>([
    ['no symbol', { symbol: undefined }, 422, 40010001, /^symbol: /],
    ['an unknown side', { side: 'long' }, 422, 40010001, /^side: /],
    ['a notional amount', { notional: '100' }, 422, 40010001, /^notional is not supported by the paper broker$/],
    ['extended hours', { extended_hours: true }, 422, 40010001, /^extended_hours: only false is supported/],
    ['a short sale', { side: 'sell', position_intent: 'sell_to_open' }, 422, 40010001, /^position_intent: /],
    ['an opening sale', { side: 'sell', position_intent: 'buy_to_open' }, 422, 40010001, /^position_intent: /],
    ['take profit', { take_profit: { limit_price: '1' } }, 422, 40010001, /^take_profit is not supported/],
    ['an unknown field', { some_day: 1 }, 422, 40010001, /^some_day is not supported/],
    ['a bracket', { order_class: 'bracket' }, 422, 40010001, /only simple orders are supported/],
    ['a trailing stop', { type: 'trailing_stop' }, 422, 40010001, /^type: /],
    ['a client order id that is too long', { client_order_id: 'x'.repeat(129) }, 422, 40010001, /^client_order_id: /],
    ['an unknown symbol', { symbol: 'NOPE' }, 422, 42210000, /^asset "NOPE" not found$/],
    ['more than the buying power', { qty: '999999999' }, 403, 40310000, /^insufficient buying power$/],
  ])('refuses %s as Alpaca does', async (_, changes, ...refusal) => {
    const [status, code, message] = refusal;
    expect(await paper.order(changes)).toMatchObject({ status, body: { code, message: expect.stringMatching(message) } });
  });

  it('treats null fields as absent, and accepts fields that ask for the default', async () => {
    const plain = { extended_hours: false, position_intent: 'buy_to_open', order_class: 'simple', notional: null, legs: null };
    expect((await paper.order(plain)).status).toBe(200);
    expect((await paper.call('GET', '/v2/orders?nested=true&asset_class=us_equity')).status).toBe(200);
  });

  it('refuses to change fields that orders lack', async () => {
    const refused = await paper.call('PATCH', '/v2/orders/x', { trail: '1' });
    expect(refused).toMatchObject({ status: 422, body: { message: 'trail is not supported by the paper broker' } });
  });

  it.each([
    ['GET', '/v2/orders?before_order_id=x'],
    ['GET', '/v2/account?x=1'],
    ['GET', '/v2/assets?attributes=x'],
    ['GET', '/v2/clock?x=1'],
    ['GET', '/v2/positions?x=1'],
    ['GET', '/v2/orders/x?x=1'],
    ['GET', '/v2/stocks/trades/latest?symbols=ACME&feed=sip'],
    ['GET', '/v2/stocks/ACME/quotes/latest?currency=EUR'],
    ['DELETE', '/v2/positions/ACME?percentage=50'],
    ['DELETE', '/v2/orders?symbols=ACME'],
  ])('refuses an unsupported query: %s %s', async (method, path) => {
    const { status, body } = await paper.call(method, path);
    expect([status, body['message']]).toEqual([422, expect.stringMatching(/supported by the paper broker/)]);
  });

  it.each([
    ['GET', '/v2/watchlists?name=x'],
    ['GET', '/v2/account/portfolio/history'],
    ['PATCH', '/v2/account/configurations'],
    ['GET', '/v1beta3/crypto/us/latest/trades'],
    ['PUT', '/v2/orders'],
  ])('answers 501 to %s %s, with the supported routes', async (method, path) => {
    const { status, body } = await paper.call<{ message: string; supported: string[] }>(method, path);
    expect([status, body.message]).toEqual([501, `the paper broker does not support ${method} ${path.split('?')[0]}`]);
    expect(body.supported).toEqual(
      expect.arrayContaining(['POST /v2/orders', 'GET /v2/orders:by_client_order_id', 'GET /v2/clock']),
    );
    expect(body.supported.join()).not.toMatch(/faults|HEAD/);
  });

  it('refuses a body that is not JSON, and one that is too big', async () => {
    const post = (body: string) =>
      fetch(`${paper.url}/v2/orders`, {
        method: 'POST',
        headers: { 'APCA-API-KEY-ID': 'paper', 'APCA-API-SECRET-KEY': 'paper-secret', 'content-type': 'application/json' },
        body,
      });
    expect((await post('{')).status).toBe(422);
    expect((await post(JSON.stringify({ symbol: 'x'.repeat(70_000) }))).status).toBe(413);
  });

  it('accepts a client order id once, even under concurrent requests', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => paper.order({ client_order_id: 'once' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 9 }, () => 422)]);
    const [refused] = answers.filter(({ status }) => status === 422);
    expect(refused?.body).toEqual({ code: 40010001, message: 'client_order_id must be unique' });
  });

  it('lists by status, symbol, side, time, direction and limit', async () => {
    const names = ['list-1', 'list-2', 'list-3'];
    for (const name of names) {
      await paper.order({ client_order_id: name, symbol: 'KO', type: 'limit', limit_price: '1.00', time_in_force: 'gtc' });
    }
    const list = async (query: string) =>
      (await paper.call<Json[]>('GET', `/v2/orders?symbols=KO&${query}`)).body.map((order) => order['client_order_id']);
    expect(await list('')).toEqual([...names].reverse());
    expect(await list('direction=asc&limit=2')).toEqual(names.slice(0, 2));
    expect(await list('status=closed')).toEqual([]);
    expect(await list('side=sell')).toEqual([]);
    const middle = (await byName('list-2')).body['submitted_at'] as string;
    expect(await list(`direction=asc&after=${middle}`)).not.toContain('list-2');
    expect(await list(`direction=asc&until=${middle}`)).not.toContain('list-3');
    expect((await paper.call('GET', '/v2/orders?limit=501')).status).toBe(422);
    expect((await paper.call('GET', '/v2/orders?after=yesterday')).status).toBe(422);
  });

  it('cancels all orders, each with its own answer', async () => {
    const { status, body } = await paper.call<Json[]>('DELETE', '/v2/orders');
    expect(status).toBe(207);
    expect(body.map((each) => each['status'])).toEqual([200, 200, 200]);
    await until('all cancelled', async () => (await byName('list-3')).body['status'] === 'canceled');
    expect((await paper.call<Json[]>('DELETE', '/v2/orders')).body).toEqual([]);
  });

  it('refuses to cancel or replace a closed order', async () => {
    const { id } = (await byName('list-3')).body;
    expect(await paper.call('DELETE', `/v2/orders/${id}`)).toMatchObject({
      status: 422,
      body: { code: 42210000, message: 'order is already in "canceled" state' },
    });
    expect(await paper.call('PATCH', `/v2/orders/${id}`, { qty: '3' })).toMatchObject({ status: 422, body: { code: 42210000 } });
    expect((await paper.call('DELETE', '/v2/orders/nobody')).status).toBe(404);
  });

  it('pages through fills without gaps or repeats, in both directions', async () => {
    for (let n = 0; n < 5; n += 1) await paper.order({ client_order_id: `page-${n}`, qty: String(n + 1), symbol: 'JNJ' });
    await until('filled', async () => (await byName('page-4')).body['status'] === 'filled');
    const all = async (direction: string) => {
      const found: Json[] = [];
      for (let token = ''; ;) {
        const query = `direction=${direction}&page_size=2${token && `&page_token=${token}`}`;
        const { body } = await paper.call<Json[]>('GET', `/v2/account/activities/FILL?${query}`);
        found.push(...body);
        if (body.length < 2) return found.map((each) => each['id']);
        token = body.at(-1)?.['id'] as string;
      }
    };
    const forth = await all('asc');
    expect(forth.length).toBeGreaterThanOrEqual(5);
    expect(new Set(forth).size).toBe(forth.length);
    expect(await all('desc')).toEqual(forth.reverse());
    expect((await paper.call('GET', '/v2/account/activities/DIV')).body).toEqual([]);
  });

  it('closes positions after cancelling orders that hold their shares, however a client spells true', async () => {
    const keys = { id: 'closing', secret: 'x' };
    await paper.call('POST', '/accounts', { key_id: keys.id, secret_key: keys.secret });
    await paper.order({ symbol: 'KO' }, keys);
    const held = () => paper.call('GET', '/v2/positions/KO', undefined, keys);
    await until('bought', async () => (await held()).status === 200);
    await paper.order({ symbol: 'KO', side: 'sell', type: 'limit', limit_price: '90.00' }, keys);
    const close = (query: string) => paper.call<Json[]>('DELETE', `/v2/positions${query}`, undefined, keys);
    expect((await close('')).body).toMatchObject([{ symbol: 'KO', status: 403 }]);
    expect(await close('?cancel_orders=True')).toMatchObject({ status: 207, body: [{ symbol: 'KO', status: 200 }] });
    await until('sold', async () => (await held()).status === 404);
  });

  it('sets prices and halts, and shows them', async () => {
    expect((await paper.call('POST', '/prices', { symbol: 'ACME', price: '123.45' })).body).toMatchObject({ price: '123.45' });
    const { body } = await paper.call('GET', '/v2/stocks/ACME/trades/latest');
    expect(body).toMatchObject({ symbol: 'ACME', trade: { p: 123.45 } });
    await paper.call('POST', '/prices', { symbol: 'AMD', halted: true });
    expect((await paper.call('GET', '/v2/assets/AMD')).body).toMatchObject({ tradable: false });
    expect((await paper.order({ symbol: 'AMD' })).body).toMatchObject({ message: 'asset "AMD" is not tradable' });
    expect((await paper.call('POST', '/prices', { symbol: 'NOPE', price: '1' })).status).toBe(404);
    expect((await paper.call('POST', '/prices', { symbol: 'ACME', price: 'dear' })).status).toBe(422);
    expect((await paper.call('POST', '/prices', { symbol: 'ACME', price: '-1' })).status).toBe(422);
  });
});

describe('the rate limit', () => {
  it('counts by account and answers as Alpaca does', async () => {
    const paper = await startPaper({ PAPER_RATE_LIMIT: '3' });
    try {
      const answers = [];
      for (let n = 0; n < 8; n += 1) answers.push(await paper.call('GET', '/v2/clock'));
      const refused = answers.filter(({ status }) => status === 429);
      // The minute may end meanwhile, which restarts the count.
      expect(refused.length).toBeGreaterThanOrEqual(2);
      expect(refused[0]?.body).toEqual({ code: 42910000, message: 'rate limit exceeded' });
      const { headers } = refused[0] as { headers: Headers };
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect([headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')]).toEqual(['3', '0']);
      expect(Number(headers.get('x-ratelimit-reset'))).toBeGreaterThan(Date.now() / 1000);
      expect((await paper.call('GET', '/faults')).status).toBe(200);
    } finally {
      await paper.stop();
    }
  });
});
