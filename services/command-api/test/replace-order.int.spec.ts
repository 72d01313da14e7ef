import { decodeConsistencyToken } from '@tradecore/api';
import { RunningCommandApi, type Answer } from './running-command-api.ts';

let api: RunningCommandApi;
beforeAll(async () => (api = await RunningCommandApi.start()));
afterAll(() => api.stop());

const replace = (id: string, changes: object, headers: Record<string, string> = {}): Promise<Answer> =>
  api.post(`/v1/orders/${id}/replace`, changes, { headers });
const problem = ({ status, body }: Answer) => [status, String(body['type']).split('/').at(-1)];

describe('POST /v1/orders/{id}/replace', () => {
  it('answers 202 with the terms that apply, and the requested ones', async () => {
    const id = await api.working();
    const { status, headers, body } = await replace(id, { quantity: '020', limitPrice: '101.00' });
    expect([status, body]).toMatchObject([
      202,
      {
        id,
        status: 'pendingReplace',
        quantity: '10',
        limitPrice: '101.5',
        requested: { revision: 2, quantity: '20', limitPrice: '101' },
        version: 4,
      },
    ]);
    expect(headers.get('etag')).toBe(api.tag(4));
    expect(decodeConsistencyToken(headers.get('consistency-token') ?? '')).toEqual({
      ...{ epoch: api.epoch, aggregateId: id, version: 4 },
      ...{ accountId: api.account, accountVersion: await api.versionOf(api.account) },
    });
  });

  it('changes only the named terms, also once it is accepted', async () => {
    const id = await api.working({ type: 'stopLimit', stopPrice: '101' });
    expect((await replace(id, { stopPrice: '100.5' })).body['requested']).toEqual({ revision: 2, stopPrice: '100.5' });
  });

  it.each<[string, object, string]>([
    ['below what has traded', { quantity: '3' }, 'replace-below-filled'],
    ['to what has traded', { quantity: '4' }, 'replace-below-filled'],
  ])('%s is refused with the figures: 409', async (_name, changes, code) => {
    const id = await api.working();
    await api.brokerage(id, { says: 'executed', quantity: '4', price: '101' });
    const answer = await replace(id, changes);
    expect(problem(answer)).toEqual([409, code]);
    expect(answer.body).toMatchObject({ filledQuantity: '4', errors: [{ pointer: '#/quantity', code: 'below-filled' }] });
  });

  it('to the current terms is refused: 400', async () => {
    const id = await api.working();
    expect(problem(await replace(id, { quantity: '10.0', limitPrice: '101.50' }))).toEqual([400, 'replace-changes-nothing']);
  });

  it('of a price that the order type does not have is refused: 400, and points at it', async () => {
    const id = await api.working();
    const answer = await replace(id, { stopPrice: '99' });
    expect([problem(answer), answer.body['errors']]).toMatchObject([
      [400, 'invalid-order-terms'],
      [{ pointer: '#/stopPrice', code: 'not-allowed-by-type' }],
    ]);
  });

  it.each<[string, object, string]>([
    ['between two ticks', { limitPrice: '101.505' }, 'wrong-tick'],
    ['by half a share', { quantity: '10.5' }, 'wrong-lot'],
    ['far above the market', { limitPrice: '130' }, 'price-collar'],
  ])('%s is refused by the rules, with the figures: 422, and nothing is stored', async (_name, changes, rule) => {
    const id = await api.working();
    const before = await api.stored();
    const answer = await replace(id, changes);
    expect([problem(answer), answer.body]).toMatchObject([[422, 'replace-denied'], { rule, figures: expect.any(Object) }]);
    expect(await api.stored()).toBe(before);
  });

  it('is refused if the order is not working: before the brokerage has it, while another replace is pending, after it has ended', async () => {
    const { body } = await api.post('/v1/orders', api.terms());
    expect(problem(await replace(body['id'] as string, { quantity: '11' }))).toEqual([409, 'order-not-replaceable']);
    const id = await api.working();
    await replace(id, { quantity: '11' });
    expect(problem(await replace(id, { quantity: '12' }))).toEqual([409, 'replace-already-requested']);
    await api.brokerage(id, { says: 'canceled' });
    expect(problem(await replace(id, { quantity: '12' }))).toEqual([409, 'order-not-replaceable']);
    expect(problem(await api.post(`/v1/orders/${id}/cancel`))).toEqual([409, 'order-not-cancelable']);
  });

  it('respects If-Match: 412 with the version if the order has changed since, even when another request is faster', async () => {
    const id = await api.working();
    const late = await replace(id, { quantity: '11' }, { 'if-match': api.tag(2) });
    expect([problem(late), late.body['version']]).toEqual([[412, 'order-changed'], 3]);
    const both = await Promise.all(['11', '12'].map((quantity) => replace(id, { quantity }, { 'if-match': api.tag(3) })));
    expect(both.map(({ status }) => status).sort()).toEqual([202, 412]);
    expect((await replace(await api.working(), { quantity: '11' }, { 'if-match': '*' })).status).toBe(202);
  });

  it('is one for one key, also with If-Match; another body under the key is 422', async () => {
    const id = await api.working();
    const headers = { 'idempotency-key': 'key', 'if-match': api.tag(3) };
    const first = await replace(id, { quantity: '11' }, headers);
    const again = await replace(id, { quantity: '11' }, headers);
    expect([again.status, again.body]).toEqual([202, first.body]);
    const other = await replace(id, { limitPrice: '101' }, headers);
    expect([problem(other), other.body['differingFields']]).toEqual([
      [422, 'idempotency-key-reused'],
      ['quantity', 'limitPrice'],
    ]);
  });

  it('is refused while trading is halted; a cancel is not', async () => {
    const id = await api.working();
    const operator = await api.bearer([], { role: 'operator' });
    const setSwitch = (trading: string) =>
      api.post('/v1/admin/kill-switch', { scope: 'all', trading, reason: 'test' }, { authorization: operator });
    await setSwitch('halted');
    const answer = await replace(id, { quantity: '11' });
    expect([problem(answer), answer.body['rule']]).toEqual([[422, 'replace-denied'], 'trading-halted']);
    expect((await api.post(`/v1/orders/${id}/cancel`)).status).toBe(202);
    await setSwitch('resumed');
  });

  it('of a foreign order is 404, as if it did not exist', async () => {
    const id = await api.working();
    const authorization = await api.bearer([], { subject: 'stranger' });
    const answer = await api.post(`/v1/orders/${id}/replace`, { quantity: '11' }, { authorization });
    expect([problem(answer), answer.body['errors']]).toMatchObject([[404, 'order-not-found'], [{ pointer: '#/id', in: 'path' }]]);
  });
});

describe('the money of a replace', () => {
  const reservedOf = async (client: RunningCommandApi, orderId: string) => {
    const [row] = await client.database.dataSource.query<{ type: string; data: { amount: string; quantity: string } }[]>(
      `select event_type as type, event_data as data from event_store
        where aggregate_id = $1 and event_data->>'orderId' = $2 order by position desc limit 1`,
      [client.account, orderId],
    );
    return row;
  };
  /** A client with this much money, and an order of 5 at 100 that the brokerage works. */
  const working = async (money: string): Promise<{ client: RunningCommandApi; id: string }> => {
    const client = await api.newClient();
    await client.deposit(money);
    return { client, id: await client.working({ quantity: '5', limitPrice: '100' }) };
  };

  it('is reserved for the worst case of both terms in the save of the request', async () => {
    const { client, id } = await working('2000');
    const { status, headers } = await client.post(`/v1/orders/${id}/replace`, { quantity: '10' });
    expect(status).toBe(202);
    expect(await reservedOf(client, id)).toMatchObject({ type: 'ReservationChanged', data: { quantity: '10' } });
    const { accountVersion } = decodeConsistencyToken(headers.get('consistency-token') ?? '') ?? {};
    expect(accountVersion).toBe(await client.versionOf(client.account));
  });

  it('is unchanged if the new terms need no more', async () => {
    const { client, id } = await working('2000');
    const version = await client.versionOf(client.account);
    expect((await client.post(`/v1/orders/${id}/replace`, { quantity: '4' })).status).toBe(202);
    expect(await client.versionOf(client.account)).toBe(version);
  });

  it('must be available: otherwise 422 with the figures, and nothing is stored', async () => {
    const { client, id } = await working('600');
    const before = await api.stored();
    const answer = await client.post(`/v1/orders/${id}/replace`, { quantity: '10' });
    expect([problem(answer), answer.body]).toMatchObject([
      [422, 'replace-denied'],
      { rule: 'insufficient-funds', figures: { needed: expect.any(String), available: expect.any(String) } },
    ]);
    expect(await api.stored()).toBe(before);
    await client.deposit('600');
    expect((await client.post(`/v1/orders/${id}/replace`, { quantity: '10' })).status).toBe(202);
  });

  it('is shared with new orders: when all would need too much, only some get it', async () => {
    const { client, id } = await working('1600');
    const place = () => client.post('/v1/orders', client.terms({ quantity: '5', limitPrice: '100' }));
    const [replaced, ...answers] = await Promise.all([
      client.post(`/v1/orders/${id}/replace`, { quantity: '10' }),
      ...Array.from({ length: 3 }, place),
    ]);
    const statuses = [replaced.status === 202 ? 201 : replaced.status, ...answers.map(({ status }) => status)];
    expect(statuses.sort()).toEqual([201, 201, 422, 422]);
  });
});
