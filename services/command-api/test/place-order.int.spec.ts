import {
  brokerOrderIdFor,
  causedEventId,
  freshId,
  orderIdFor,
  orderIdForKey,
  placeCommandId,
  submitStepEventId,
} from '@tradecore/events';
import { decodeConsistencyToken, orderResponse } from '@tradecore/api';
import { RunningCommandApi } from './running-command-api.ts';

interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly time: string;
}

let api: RunningCommandApi;
beforeAll(async () => (api = await RunningCommandApi.start()));
afterAll(() => api.stop());

describe('POST /v1/orders', () => {
  it('answers 201 with the stored order, its location, its version and the token to read it with', async () => {
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
      revisions: [{ revision: 1, brokerOrderId: brokerOrderIdFor(id, 1), quantity: '10', limitPrice: '101.5' }],
      execType: 'A',
      goodUntil: body['goodUntil'],
      version: 2,
      createdAt: body['createdAt'],
      updatedAt: body['createdAt'],
    });
    expect(headers.get('location')).toBe(`/v1/orders/${id}`);
    expect(headers.get('etag')).toBe(api.tag(2));
    expect(decodeConsistencyToken(headers.get('consistency-token') ?? '')).toEqual({
      ...{ epoch: api.epoch, aggregateId: id, version: 2 },
      ...{ accountId: api.account, accountVersion: 3 },
    });
  });

  it('stores the order, its approval, the reservation and the submit step in one save, found by the name of the order', async () => {
    const terms = api.terms({ quantity: '3' });
    const { body } = await api.post('/v1/orders', terms);
    const id = body['id'] as string;
    const events = await api.database.dataSource.query<StoredEvent[]>(
      `select event_id as id, aggregate_type as "aggregateType", event_type as type, event_data as data, "timestamp"::text as time
         from event_store where correlation_id = (select correlation_id from event_store where aggregate_id = $1 limit 1)
        order by position`,
      [id],
    );
    expect(events.map(({ type }) => type).sort()).toEqual([
      'OrderApproved',
      'OrderPlaced',
      'ReservationMade',
      'SubmitBrokerOrder',
    ]);
    expect(new Set(events.map(({ time }) => time)).size).toBe(1);
    const of = (type: string) => events.find((event) => event.type === type) as StoredEvent;
    const account = { accountVersion: await api.versionOf(api.account) };
    expect(of('OrderApproved').data).toMatchObject({ reservePrice: '101.5', ...account });
    expect(of('ReservationMade').data).toMatchObject({
      orderId: id,
      quantity: '3',
      unitPrice: '101.5',
      amount: expect.any(String),
    });
    expect(of('SubmitBrokerOrder').data).toMatchObject({
      target: brokerOrderIdFor(id, 1),
      orderId: id,
      quantity: '3',
      attempt: 1,
    });
    expect(of('SubmitBrokerOrder').id).toBe(submitStepEventId(brokerOrderIdFor(id, 1)));
    expect(of('OrderPlaced').id).toBe(causedEventId(placeCommandId(id), id, 0));
    expect(of('ReservationMade').id).toBe(causedEventId(placeCommandId(id), api.account, 0));
  });

  it('stores the caller, the account, the conversation and the trace', async () => {
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
      actor: await api.personOf('client'),
      traceparent: expect.stringContaining(traceId),
    });
  });

  it('answers 200 with the same order to the same terms, even with decimals and account spelled differently', async () => {
    const terms = api.terms();
    const first = await api.post('/v1/orders', terms);
    const before = await api.stored();
    const again = await api.post('/v1/orders', { ...terms, quantity: '10.000', accountId: api.account.toUpperCase() });
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('consistency-token')).toBe(first.headers.get('consistency-token'));
    expect(await api.stored()).toBe(before);
  });

  it('answers 409 with the fields that differ, and stores nothing', async () => {
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
    expect([other.status, other.body['differingFields']]).toEqual([422, ['quantity']]);
  });

  it('places one order for the same request sent 20 times at once', async () => {
    const terms = api.terms();
    const before = await api.stored();
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.post('/v1/orders', terms)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(19).fill(200), 201]);
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(await api.stored()).toBe(before + 4);
  });

  it('places one order for a request that is sent again after its answer was lost', async () => {
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
    expect(await api.stored()).toBe(before + 4 * requests.length);
  });

  it('places one order for 20 different requests for one name: one is accepted, the others are told what differs', async () => {
    const terms = api.terms();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => api.post('/v1/orders', { ...terms, quantity: String(n + 1) })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
  });

  it('answers 404 for an account that the caller may not use, to operators too, and stores nothing', async () => {
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

describe('an Idempotency-Key with a clientOrderId', () => {
  const place = (terms: Record<string, unknown>, key: string) =>
    api.post('/v1/orders', terms, { headers: { 'idempotency-key': key } });
  const problem = ({ status, body }: { status: number; body: Record<string, unknown> }) => [
    status,
    String(body['type']).split('/').at(-1),
  ];

  it('is refused if another order has it, whatever names the order; a repeat is the same order', async () => {
    const key = freshId();
    const terms = api.terms();
    const first = await place(terms, key);
    expect(first.status).toBe(201);
    const before = await api.stored();
    expect(await place(terms, key)).toMatchObject({ status: 200, body: first.body });
    const other = await place(api.terms(), key);
    expect([problem(other), other.body['differingFields']]).toEqual([[422, 'idempotency-key-reused'], ['clientOrderId']]);
    const { clientOrderId: _, ...unnamed } = api.terms({ quantity: '7' });
    const keyOnly = await place(unnamed, key);
    expect([problem(keyOnly), keyOnly.body['differingFields']]).toEqual([
      [422, 'idempotency-key-reused'],
      ['clientOrderId', 'quantity'],
    ]);
    expect(await api.stored()).toBe(before);
  });

  it('with other terms for the same name is refused: the key is the same, the request is not', async () => {
    const key = freshId();
    const terms = api.terms();
    await place(terms, key);
    const other = await place({ ...terms, quantity: '3' }, key);
    expect([problem(other), other.body['differingFields']]).toEqual([[422, 'idempotency-key-reused'], ['quantity']]);
    expect(problem(await place({ ...terms, quantity: '3' }, freshId()))).toEqual([409, 'order-already-placed']);
  });

  it('sent with a repeat belongs to that order: another order is refused, the same repeat is not', async () => {
    const key = freshId();
    const terms = api.terms();
    const first = await api.post('/v1/orders', terms);
    const repeats = await Promise.all(Array.from({ length: 5 }, () => place(terms, key)));
    expect(repeats.map(({ status, headers }) => [status, headers.get('etag')])).toEqual(
      Array(5).fill([200, first.headers.get('etag')]),
    );
    const before = await api.stored();
    const other = await place(api.terms(), key);
    expect([problem(other), other.body['differingFields']]).toEqual([[422, 'idempotency-key-reused'], ['clientOrderId']]);
    expect((await place(terms, key)).status).toBe(200);
    expect(await api.stored()).toBe(before);
  });

  it('sent at once with a repeat and with another order belongs to one of them', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [key, terms] = [freshId(), api.terms()];
      await api.post('/v1/orders', terms);
      const [repeat, other] = await Promise.all([place(terms, key), place(api.terms(), key)]);
      expect([repeat.status, other.status]).toEqual(repeat.status === 200 ? [200, 422] : [422, 201]);
    }
  });

  it('that named an order can not be the key of another', async () => {
    const key = freshId();
    const { clientOrderId: _, ...unnamed } = api.terms();
    expect((await place(unnamed, key)).status).toBe(201);
    expect(problem(await place(api.terms(), key))).toEqual([422, 'idempotency-key-reused']);
  });

  it('of a denied order is taken as well', async () => {
    const key = freshId();
    expect((await place(api.terms({ symbol: 'HALT' }), key)).status).toBe(422);
    expect(problem(await place(api.terms(), key))).toEqual([422, 'idempotency-key-reused']);
  });

  it('used for many orders at once places one of them', async () => {
    const key = freshId();
    const answers = await Promise.all(Array.from({ length: 10 }, () => place(api.terms(), key)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(9).fill(422)]);
  });
});

describe('a denied order', () => {
  it('is answered 422 with its id, the rule, the figures, its location and its token; so is a repeat', async () => {
    const terms = api.terms({ limitPrice: '200' });
    const before = await api.stored();
    const { status, headers, body } = await api.post('/v1/orders', terms);
    const id = orderIdFor(api.account, terms['clientOrderId'] as string);
    expect(status).toBe(422);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({
      type: 'https://tradecore.dev/problems/order-denied',
      status: 422,
      detail: expect.stringContaining('10 %'),
      id,
      rule: 'price-collar',
      figures: { limitPrice: '200', worstPrice: '110' },
    });
    expect(headers.get('location')).toBe(`/v1/orders/${id}`);
    expect(decodeConsistencyToken(headers.get('consistency-token') ?? '')).toEqual({
      epoch: api.epoch,
      aggregateId: id,
      version: 2,
    });
    expect(await api.stored()).toBe(before + 2);
    const again = await api.post('/v1/orders', terms, { headers: { 'x-correlation-id': freshId() } });
    expect(again).toMatchObject({ status: 422, body: { id, rule: 'price-collar', figures: body['figures'] } });
    expect(again.headers.get('location')).toBe(headers.get('location'));
    expect((await api.post('/v1/orders', { ...terms, quantity: '11' })).status).toBe(409);
    expect(await api.stored()).toBe(before + 2);
  });

  it('with insufficient money or shares states what is needed and available; its name is taken', async () => {
    const poor = await api.newClient();
    await poor.deposit('1000');
    const terms = poor.terms();
    const { status, body } = await poor.post('/v1/orders', terms);
    expect([status, body['rule'], body['figures']]).toEqual([
      422,
      'insufficient-funds',
      { needed: expect.stringMatching(/^101[5-9]/), available: '1000' },
    ]);
    await poor.deposit('1000');
    expect((await poor.post('/v1/orders', terms)).status).toBe(422);
    expect((await poor.post('/v1/orders', poor.terms())).status).toBe(201);
    const sell = await poor.post('/v1/orders', poor.terms({ side: 'sell', quantity: '5' }));
    expect(sell.body).toMatchObject({ rule: 'insufficient-shares', figures: { needed: '5', available: '0' } });
  });
});
