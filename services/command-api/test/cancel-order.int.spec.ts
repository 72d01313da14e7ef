import { freshId } from '@tradecore/events';
import { decodeConsistencyToken } from '@tradecore/api';
import { RunningCommandApi } from './running-command-api.ts';

let api: RunningCommandApi;
beforeAll(async () => (api = await RunningCommandApi.start()));
afterAll(() => api.stop());

const placed = async (): Promise<string> => (await api.post('/v1/orders', api.terms())).body['id'] as string;

describe('POST /v1/orders/{id}/cancel', () => {
  it('answers 202 with the order, which shows pendingCancel and the reason', async () => {
    const id = await placed();
    const { status, headers, body } = await api.post(`/v1/orders/${id}/cancel`, { reason: 'changed my mind' });
    expect(status).toBe(202);
    expect(body).toMatchObject({ id, status: 'pendingCancel', cancelReason: 'changed my mind', version: 3 });
    expect(headers.get('etag')).toBe(api.tag(3));
    expect(decodeConsistencyToken(headers.get('consistency-token') ?? '')).toMatchObject({
      epoch: api.epoch,
      aggregateId: id,
      version: 3,
    });
    const events = await api.database.dataSource.query<{ event_type: string; account: string }[]>(
      `select event_type, metadata->>'account' as account from event_store where aggregate_id = $1 order by aggregate_version`,
      [id],
    );
    expect(events).toEqual([
      { event_type: 'OrderPlaced', account: api.account },
      { event_type: 'OrderApproved', account: api.account },
      { event_type: 'OrderCancelRequested', account: api.account },
    ]);
  });

  it('needs no body', async () => {
    const { status, body } = await api.post(`/v1/orders/${await placed()}/cancel`);
    expect([status, body['status']]).toEqual([202, 'pendingCancel']);
    expect(body).not.toHaveProperty('cancelReason');
  });

  it('answers 409 the second time, and stores nothing', async () => {
    const id = await placed();
    await api.post(`/v1/orders/${id}/cancel`);
    const before = await api.stored();
    const { status, body } = await api.post(`/v1/orders/${id}/cancel`);
    expect([status, body['type']]).toEqual([409, 'https://tradecore.dev/problems/cancel-already-requested']);
    expect(await api.stored()).toBe(before);
  });

  it('answers the same 202 to a repeated Idempotency-Key, even after other keys were refused', async () => {
    const id = await placed();
    const cancel = (key: string, reason = 'no') =>
      api.post(`/v1/orders/${id}/cancel`, { reason }, { headers: { 'idempotency-key': key } });
    const first = await cancel('key-1');
    expect((await cancel('key-2')).status).toBe(409);
    const again = await cancel('key-1');
    expect([again.status, again.body]).toEqual([202, first.body]);
    const reused = await cancel('key-1', 'yes');
    expect([reused.status, reused.body['type']]).toEqual([422, 'https://tradecore.dev/problems/idempotency-key-reused']);
  });

  it('answers 412 if the order’s version does not match If-Match; a repeat is still answered', async () => {
    const id = await placed();
    const cancel = (etag: string) =>
      api.post(`/v1/orders/${id}/cancel`, {}, { headers: { 'idempotency-key': 'key', 'if-match': etag } });
    const stale = await cancel(`${api.tag(1)}, W/${api.tag(2)}`);
    expect([stale.status, stale.body['type'], stale.headers.get('etag')]).toEqual([
      412,
      'https://tradecore.dev/problems/order-changed',
      api.tag(2),
    ]);
    expect([(await cancel(`${api.tag(1)}, ${api.tag(2)}`)).status, (await cancel(api.tag(2))).status]).toEqual([202, 202]);
  });

  it('is stored once when sent 10 times at once: one 202 without a key, all 202 with one', async () => {
    const statuses = async (id: string, headers = {}) =>
      (await Promise.all(Array.from({ length: 10 }, () => api.post(`/v1/orders/${id}/cancel`, {}, { headers }))))
        .map((each) => each.status)
        .sort();
    const [one, other] = [await placed(), await placed()];
    const before = await api.stored();
    expect(await statuses(one)).toEqual([202, ...Array<number>(9).fill(409)]);
    expect(await statuses(other, { 'idempotency-key': 'key' })).toEqual(Array<number>(10).fill(202));
    expect(await api.stored()).toBe(before + 2);
  });

  it('answers 404 to a caller who does not own the order, as if it did not exist', async () => {
    const id = await placed();
    const before = await api.stored();
    const stranger = await api.bearer([freshId()]);
    const foreign = await api.post(`/v1/orders/${id}/cancel`, {}, { authorization: stranger });
    const unknown = await api.post(`/v1/orders/${freshId()}/cancel`, {}, { authorization: stranger });
    const { instance: _, traceId: __, ...problem } = foreign.body;
    expect(foreign.status).toBe(404);
    expect(unknown.body).toMatchObject(problem);
    expect(await api.stored()).toBe(before);
  });

  it('leaves a repeated placement unchanged: the same order, now pendingCancel', async () => {
    const terms = api.terms();
    const { body } = await api.post('/v1/orders', terms);
    await api.post(`/v1/orders/${String(body['id'])}/cancel`);
    const again = await api.post('/v1/orders', terms);
    expect([again.status, again.body['status'], again.headers.get('etag')]).toEqual([200, 'pendingCancel', api.tag(3)]);
  });
});
