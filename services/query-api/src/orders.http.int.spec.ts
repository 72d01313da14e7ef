import type { OrderPageResponse, OrderResponse } from '@tradecore/api';
import { freshId, type OrderTerms, WrittenText } from '@tradecore/events';
import { extendContext } from '@tradecore/telemetry';
import { Order } from '@tradecore/trading';
import fc from 'fast-check';
import { problemOf, TestQueryApi } from '../test/query-api.ts';

let api: TestQueryApi;
beforeAll(async () => void (api = await TestQueryApi.start()), 30_000);
afterAll(() => api?.stop());

const termsFor = (accountId: string, clientOrderId: string): OrderTerms & { clientOrderId: string } => ({
  accountId,
  clientOrderId,
  symbol: 'ACME',
  side: 'buy',
  type: 'limit',
  quantity: '12.5',
  limitPrice: '101.25',
  timeInForce: 'day',
});
const placeOne = async (accountId = freshId(), name = 'one') => ({
  accountId,
  id: await api.models.place(termsFor(accountId, name)),
});
const json = async <T>(response: Response): Promise<T> => (await response.json()) as T;

/** Stores a cancel but leaves the read model behind. */
async function cancelUnseen(accountId: string, id: string): Promise<void> {
  const order = await api.models.store.loadAggregate(Order, id);
  order.requestCancel(new WrittenText('unseen'));
  await extendContext({ correlationId: freshId(), account: accountId }, () => api.models.store.saveAggregate(order));
}

describe('GET /v1/orders/{id}', () => {
  it('answers the order with its version as ETag, and 304 to a client that has it', async () => {
    const { accountId, id } = await placeOne();
    const response = await api.get(`/v1/orders/${id}`, [accountId]);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      id,
      accountId,
      symbol: 'ACME',
      quantity: '12.5',
      limitPrice: '101.25',
      status: 'pendingNew',
      version: 1,
    });
    expect(response.headers.get('etag')).toBe(api.tag(1));
    expect((await api.get(`/v1/orders/${id}`, [accountId], { 'if-none-match': api.tag(1) })).status).toBe(304);
    for (const known of ['*', `W/${api.tag(1)}`, `${api.tag(9)}, W/${api.tag(1)}`, `${api.tag(1)},"9"`]) {
      for (const path of ['', '/events', '?asOf=1']) {
        const answer = await api.get(`/v1/orders/${id}${path}`, [accountId], { 'if-none-match': known });
        expect([known, path, answer.status]).toEqual([known, path, 304]);
        expect([answer.headers.get('etag'), answer.headers.get('vary')]).toEqual([api.tag(1), 'Authorization']);
      }
    }
    expect((await api.get(`/v1/orders/${id}`, [accountId], { 'if-none-match': api.tag(7) })).status).toBe(200);
  });

  it('answers HEAD with only the headers', async () => {
    const { accountId, id } = await placeOne();
    const headers = { authorization: await api.bearer([accountId]) };
    const response = await fetch(`${api.service.url}/v1/orders/${id}`, { method: 'HEAD', headers });
    expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([200, api.tag(1), '']);
  });

  it('shows an order as of a version or time, by the same fold', async () => {
    const { accountId, id } = await placeOne();
    const before = await json<OrderResponse>(await api.get(`/v1/orders/${id}`, [accountId]));
    await api.models.requestCancel(accountId, id, 'no');
    const now = await json<OrderResponse>(await api.get(`/v1/orders/${id}`, [accountId]));
    expect(now).toMatchObject({ status: 'pendingCancel', version: 2 });
    const asOf = async (point: string) =>
      json<OrderResponse>(await api.get(`/v1/orders/${id}?asOf=${encodeURIComponent(point)}`, [accountId]));
    expect(await asOf('1')).toEqual(before);
    expect(await asOf('2')).toEqual(now);
    expect(await asOf(before.createdAt)).toEqual(before);
    expect(await asOf(now.updatedAt)).toEqual(now);
    expect(await asOf(now.updatedAt.replace('Z', '+00:00'))).toEqual(now);
    const response = await api.get(`/v1/orders/${id}?asOf=1`, [accountId]);
    expect(response.headers.get('cache-control')).toContain('immutable');
    const young = await api.get(`/v1/orders/${id}?asOf=${now.updatedAt}`, [accountId]);
    expect(young.headers.get('cache-control')).toBe('no-store');
  });

  it.each([
    ['a time before it was placed', '2020-01-01T00:00:00Z'],
    ['a version that it has not reached', '9'],
  ])('is 404 as of %s', async (_, asOf) => {
    const { accountId, id } = await placeOne();
    const response = await api.get(`/v1/orders/${id}?asOf=${asOf}`, [accountId]);
    expect([response.status, (await problemOf(response)).code]).toEqual([404, 'order-not-found']);
  });

  it('refuses a time in the future', async () => {
    const { accountId, id } = await placeOne();
    const response = await api.get(`/v1/orders/${id}?asOf=2999-01-01T00:00:00Z`, [accountId]);
    expect(await problemOf(response)).toMatchObject({
      status: 400,
      errors: [{ pointer: '#/asOf', in: 'query', code: 'in-the-future' }],
    });
  });
});

describe('GET /v1/orders/{id}/events', () => {
  it('answers the stored events, from the first on', async () => {
    const { accountId, id } = await placeOne();
    await api.models.requestCancel(accountId, id, 'no');
    const response = await api.get(`/v1/orders/${id}/events`, [accountId]);
    expect(response.headers.get('etag')).toBe(api.tag(2));
    expect(await response.json()).toEqual({
      events: [
        expect.objectContaining({ type: 'OrderPlaced', version: 1, data: termsFor(accountId, 'one') }),
        expect.objectContaining({ type: 'OrderCancelRequested', version: 2, data: { reason: 'no' } }),
      ],
    });
  });
});

describe('GET /v1/orders', () => {
  it('pages through an account newest first, each order once, though others are placed meanwhile', async () => {
    const accountId = freshId();
    const ids: string[] = [];
    for (let index = 0; index < 7; index += 1) ids.unshift((await placeOne(accountId, `n${index}`)).id);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const path: string = `/v1/orders?accountId=${accountId}&limit=3${cursor === undefined ? '' : `&cursor=${cursor}`}`;
      const page = await json<OrderPageResponse>(await api.get(path, [accountId]));
      seen.push(...page.orders.map(({ id }) => id));
      await placeOne(accountId, `late ${seen.length}`);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(ids);
  });

  it('finds an order by its name', async () => {
    const { accountId, id } = await placeOne();
    await placeOne(accountId, 'two');
    const found = await json<OrderPageResponse>(
      await api.get(`/v1/orders?accountId=${accountId}&clientOrderId=one`, [accountId]),
    );
    expect(found.orders.map((order) => order.id)).toEqual([id]);
    const none = await api.get(`/v1/orders?accountId=${accountId}&clientOrderId=three`, [accountId]);
    expect(await none.json()).toEqual({ orders: [] });
  });
});

describe('a foreign account', () => {
  it.each([
    ['/v1/orders/ID', 'order-not-found'],
    ['/v1/orders/ID?asOf=1', 'order-not-found'],
    ['/v1/orders/ID/events', 'order-not-found'],
    ['/v1/orders?accountId=ACCOUNT', 'account-not-found'],
    ['/v1/orders?accountId=ACCOUNT&clientOrderId=one', 'account-not-found'],
  ])('is answered at %s exactly like one that does not exist', async (path, code) => {
    const { accountId, id } = await placeOne();
    const mine = freshId();
    const foreign = await api.get(path.replace('ID', id).replace('ACCOUNT', accountId), [mine]);
    const absent = await api.get(path.replace('ID', freshId()).replace('ACCOUNT', freshId()), [mine]);
    const documents = [await problemOf(foreign), await problemOf(absent)].map(({ traceId: _, instance: __, ...rest }) => rest);
    expect(documents[0]).toEqual(documents[1]);
    expect(documents[0]).toMatchObject({ status: 404, code });
    expect((await api.get(path.replace('ID', id).replace('ACCOUNT', accountId), [mine, accountId])).status).toBe(200);
  });
});

describe('a read with the token of a write', () => {
  it('waits until the read model shows the write', async () => {
    const { accountId, id } = await placeOne();
    await cancelUnseen(accountId, id);
    const token = api.token({ aggregateId: id, version: 2 });
    const stale = await json<OrderResponse>(await api.get(`/v1/orders/${id}`, [accountId]));
    expect(stale.version).toBe(1);
    const reading = api.get(`/v1/orders/${id}`, [accountId], { 'consistency-token': token });
    const listing = api.get(`/v1/orders?accountId=${accountId}`, [accountId], { 'consistency-token': token });
    await api.models.project(id);
    expect(await json<OrderResponse>(await reading)).toMatchObject({ version: 2, status: 'pendingCancel' });
    expect((await json<OrderPageResponse>(await listing)).orders[0]).toMatchObject({ version: 2 });
  });

  it('waits at most 2 s, then reports how far the read model is behind', async () => {
    const { accountId, id } = await placeOne();
    await cancelUnseen(accountId, id);
    const started = performance.now();
    const token = api.token({ aggregateId: id, version: 2 });
    const response = await api.get(`/v1/orders/${id}`, [accountId], { 'consistency-token': token });
    expect(performance.now() - started).toBeGreaterThan(1900);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await problemOf(response)).toMatchObject({
      status: 503,
      code: 'read-model-behind',
      writtenVersion: 2,
      shownVersion: 1,
      lagSeconds: expect.any(Number),
    });
  });

  it('is answered at once that the order is parked, with the reason', async () => {
    const { accountId, id } = await placeOne();
    await cancelUnseen(accountId, id);
    await api.models.database.dataSource.query(
      `update order_projector.checkpoints set parked_version = 2, parked_reason = 'it could not be folded', parked_at = now() where aggregate_id = $1`,
      [id],
    );
    const started = performance.now();
    const token = api.token({ aggregateId: id, version: 2 });
    const response = await api.get(`/v1/orders/${id}`, [accountId], { 'consistency-token': token });
    expect(performance.now() - started).toBeLessThan(1000);
    expect(await problemOf(response)).toMatchObject({
      status: 503,
      code: 'read-model-parked',
      detail: expect.stringContaining('it could not be folded'),
    });
    expect((await api.get(`/v1/orders/${id}`, [accountId])).status).toBe(200);
  });

  it('that is made up, or of a foreign order, is refused without revealing anything', async () => {
    const { accountId, id } = await placeOne();
    const { id: foreign, accountId: other } = await placeOne();
    await cancelUnseen(other, foreign);
    for (const token of [
      { aggregateId: id, version: 99 },
      { aggregateId: foreign, version: 2 },
      { aggregateId: freshId(), version: 1 },
    ]) {
      const response = await api.get(`/v1/orders/${id}`, [accountId], { 'consistency-token': api.token(token) });
      expect(await problemOf(response)).toMatchObject({
        status: 400,
        code: 'unknown-consistency-token',
        errors: [{ in: 'header', pointer: '#/consistency-token' }],
      });
    }
  });
});

describe('bad input', () => {
  const id = freshId();
  it.each([
    ['an id that is not a UUID', '/v1/orders/42', '#/id'],
    ['an id with U+0000', '/v1/orders/%00', '#/id'],
    ['an unknown query parameter', `/v1/orders/${id}?verbose=1`, '#/verbose'],
    ['an asOf that is neither a version nor a time', `/v1/orders/${id}?asOf=yesterday`, '#/asOf'],
    ['an asOf on 30 February', `/v1/orders/${id}?asOf=2026-02-30T00:00:00Z`, '#/asOf'],
    ['version 0', `/v1/orders/${id}?asOf=0`, '#/asOf'],
    ['asOf for a history', `/v1/orders/${id}/events?asOf=1`, '#/asOf'],
    ['no account', '/v1/orders', '#/accountId'],
    ['an account that is not a UUID', '/v1/orders?accountId=all', '#/accountId'],
    ['two accounts', `/v1/orders?accountId=${id}&accountId=${id}`, '#/accountId'],
    ['a limit of 0', `/v1/orders?accountId=${id}&limit=0`, '#/limit'],
    ['a limit of 501', `/v1/orders?accountId=${id}&limit=501`, '#/limit'],
    ['a limit in words', `/v1/orders?accountId=${id}&limit=many`, '#/limit'],
    ['an invalid cursor', `/v1/orders?accountId=${id}&cursor=abc`, '#/cursor'],
    ['a name of 49 characters', `/v1/orders?accountId=${id}&clientOrderId=${'x'.repeat(49)}`, '#/clientOrderId'],
  ])('%s is refused with its pointer', async (_, path, pointer) => {
    const problem = await problemOf(await api.get(path, [id]));
    expect(problem).toMatchObject({ status: 400, code: 'invalid-request' });
    expect(problem.errors).toContainEqual(expect.objectContaining({ pointer }));
  });

  it('a token of another shape is refused', async () => {
    const response = await api.get(`/v1/orders/${id}`, [id], { 'consistency-token': 'nonsense' });
    expect(await problemOf(response)).toMatchObject({ status: 400, errors: [{ pointer: '#/consistency-token', in: 'header' }] });
  });

  it('generated garbage in path, query and headers is answered with a problem, never with a server error', async () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }).map((text) => encodeURIComponent(text.toWellFormed())),
      fc.string({ unit: fc.constantFrom(...'%&=?+.;/[]{}0123456789abcdefZ:-T'), maxLength: 60 }),
      fc.uuid(),
    );
    const header = fc.string({ unit: fc.constantFrom(...'AZaz09-_=:;, "/\\\u00e9'), maxLength: 80 }).map((text) => text.trim());
    const name = fc.constantFrom('accountId', 'clientOrderId', 'limit', 'cursor', 'asOf', '__proto__', 'x[]');
    const path = fc.oneof(
      fc.tuple(piece, name, piece).map(([one, key, value]) => `/v1/orders/${one}?${key}=${value}`),
      fc.tuple(name, piece, name, piece).map(([k, v, l, w]) => `/v1/orders?accountId=${id}&${k}=${v}&${l}=${w}`),
      piece.map((one) => `/v1/orders/${one}/events`),
    );
    await fc.assert(
      fc.asyncProperty(path, header, header, async (where, token, etag) => {
        const response = await api.get(where, [id], {
          'consistency-token': token,
          'if-none-match': etag,
          traceparent: token,
          'x-correlation-id': etag,
        });
        if (response.status === 200) return;
        expect(response.status).toBeLessThan(500);
        await problemOf(response);
      }),
      { numRuns: 200 },
    );
  }, 30_000);
});

describe('the service', () => {
  it('is ready when its schema and its poll are, and may not write', async () => {
    const ready = await fetch(`${api.service.adminUrl}/health/ready`);
    const report = await json<{ checks: { name: string }[] }>(ready);
    expect([ready.status, report.checks.map(({ name }) => name).toSorted()]).toEqual([200, ['schema']]);
    const login = await api.models.database.dataSourceFor('query-api');
    await expect(login.query(`delete from order_projector.exported_orders`)).rejects.toThrow(/permission denied|cannot delete/);
    await expect(login.query(`select append_events('[]')`)).rejects.toThrow(/permission denied|does not exist/);
  });
});
