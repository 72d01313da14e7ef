import { orderIdFor, orderIdForKey } from '@tradecore/events';
import { decodeConsistencyToken, orderResponse } from '@tradecore/api';
import { RunningCommandApi } from './running-command-api.ts';

let api: RunningCommandApi;
beforeAll(async () => (api = await RunningCommandApi.start()));
afterAll(() => api.stop());

describe('POST /v1/orders', () => {
  it('answers 201 with the order as stored, its place, its version and the token to read it by', async () => {
    const terms = api.terms({ quantity: '010.00', limitPrice: '101.500' });
    const { status, headers, body } = await api.post('/v1/orders', terms);
    const id = orderIdFor(api.account, terms['clientOrderId'] as string);
    expect(status).toBe(201);
    expect(orderResponse.parse(body)).toEqual({
      ...terms,
      quantity: '10',
      limitPrice: '101.5',
      id,
      status: 'pendingNew',
      filledQuantity: '0',
      revision: 1,
      revisions: [],
      execType: 'A',
      goodUntil: body['goodUntil'],
      version: 2,
      createdAt: body['createdAt'],
      updatedAt: body['createdAt'],
    });
    expect(headers.get('location')).toBe(`/v1/orders/${id}`);
    expect(headers.get('etag')).toBe('"2"');
    expect(decodeConsistencyToken(headers.get('consistency-token') ?? '')).toEqual({ aggregateId: id, version: 2 });
  });

  it('stores who asked, for which account, in which conversation and trace', async () => {
    const correlation = '0190a6e0-0000-7000-8000-0000000000aa';
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const sent = { 'x-correlation-id': correlation, traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
    const { body, headers } = await api.post('/v1/orders', api.terms(), { headers: sent });
    expect(headers.get('x-correlation-id')).toBe(correlation);
    const [event] = await api.database.dataSource.query<[{ correlation_id: string; metadata: Record<string, string> }]>(
      'select correlation_id, metadata from event_store where aggregate_id = $1',
      [body['id']],
    );
    expect(event.correlation_id).toBe(correlation);
    expect(event.metadata).toMatchObject({
      account: api.account,
      actor: 'client',
      traceparent: expect.stringContaining(traceId),
    });
  });

  it('answers the same order with 200 when the same terms come again, decimals and account spelled otherwise', async () => {
    const terms = api.terms();
    const first = await api.post('/v1/orders', terms);
    const before = await api.stored();
    const again = await api.post('/v1/orders', { ...terms, quantity: '10.000', accountId: api.account.toUpperCase() });
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('consistency-token')).toBe(first.headers.get('consistency-token'));
    expect(await api.stored()).toBe(before);
  });

  it('answers 409 that names the fields which differ, and stores nothing', async () => {
    const terms = api.terms();
    const first = await api.post('/v1/orders', terms);
    const before = await api.stored();
    const { status, headers, body } = await api.post('/v1/orders', { ...terms, quantity: '11', side: 'sell' });
    expect(status).toBe(409);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({
      type: 'https://tradecore.dev/problems/order-already-placed',
      orderId: first.body['id'],
      differingFields: ['side', 'quantity'],
      errors: [
        { pointer: '#/side', code: 'differs' },
        { pointer: '#/quantity', code: 'differs' },
      ],
    });
    expect(await api.stored()).toBe(before);
  });

  it('takes an Idempotency-Key as the name of an order without a clientOrderId', async () => {
    const { clientOrderId: _, ...terms } = api.terms();
    const headers = { 'idempotency-key': 'key-1' };
    const first = await api.post('/v1/orders', terms, { headers });
    expect([first.status, first.body['id']]).toEqual([201, orderIdForKey(api.account, 'key-1')]);
    expect(first.body).not.toHaveProperty('clientOrderId');
    const again = await api.post('/v1/orders', terms, { headers });
    expect([again.status, again.body]).toEqual([200, first.body]);
    const other = await api.post('/v1/orders', { ...terms, quantity: '11' }, { headers });
    expect([other.status, other.body['differingFields']]).toEqual([409, ['quantity']]);
  });

  it('makes one order of the same request sent 20 times at once', async () => {
    const terms = api.terms();
    const before = await api.stored();
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.post('/v1/orders', terms)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(19).fill(200), 201]);
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(await api.stored()).toBe(before + 2);
  });

  it('makes one order of a request whose answer was lost and that is sent again', async () => {
    const before = await api.stored();
    const requests = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const terms = api.terms();
        const lost = api.post('/v1/orders', terms, { signal: AbortSignal.timeout(n) }).catch(() => undefined);
        await lost;
        return api.post('/v1/orders', terms);
      }),
    );
    expect(requests.every(({ status, body }) => [200, 201].includes(status) && body['status'] === 'pendingNew')).toBe(true);
    expect(await api.stored()).toBe(before + 2 * requests.length);
  });

  it('makes one order of 20 different requests for one name: one is accepted, the others hear what differs', async () => {
    const terms = api.terms();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => api.post('/v1/orders', { ...terms, quantity: String(n + 1) })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
  });

  it('answers 404 for an account that is not among the token’s, to operators too, and stores nothing', async () => {
    const before = await api.stored();
    const foreign = await api.post('/v1/orders', api.terms({ accountId: '0190a6e0-0000-7000-8000-00000000beef' }));
    expect([foreign.status, foreign.body]).toEqual([
      404,
      expect.objectContaining({ errors: [expect.objectContaining({ pointer: '#/accountId' })] }),
    ]);
    const operator = await api.bearer([], { subject: 'operator', role: 'operator' });
    expect((await api.post('/v1/orders', api.terms(), { authorization: operator })).status).toBe(404);
    expect(await api.stored()).toBe(before);
  });
});
