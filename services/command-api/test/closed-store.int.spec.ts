import { freshId } from '@tradecore/events';
import { RunningCommandApi, type Answer } from './running-command-api.ts';

let api: RunningCommandApi;
beforeAll(async () => (api = await RunningCommandApi.start()));
afterAll(() => api.stop());

const set = (closedAt: string) =>
  api.database.dataSource.query(`update store_identity set closed_at = ${closedAt}, closed_reason = 'a test'`);
const said = ({ status, body }: Answer) => [
  status,
  String(body['type'] ?? '')
    .split('/')
    .at(-1),
];
const refused = [503, 'store-restored'];

describe('while the store is closed', () => {
  afterEach(() => set('null'));

  it('nothing is decided: neither what is new, nor a repeat, nor what the state refuses', async () => {
    const terms = api.terms();
    const key = (name: string) => ({ headers: { 'idempotency-key': name } });
    const placed = await api.post('/v1/orders', terms);
    const cancel = `/v1/orders/${String(placed.body['id'])}/cancel`;
    const requests = [
      () => api.post('/v1/orders', terms),
      () => api.post('/v1/orders', { ...terms, quantity: '11' }),
      () => api.post(cancel, { reason: 'no' }, key('c')),
      () => api.post(`/v1/orders/${freshId()}/cancel`),
      () => api.post('/v1/accounts', { name: 'Pension' }, key('a')),
      () => api.payIn({ amount: '5', reference: 'wages' }, 'd'),
      () => api.post(`/v1/accounts/${api.account}/withdrawals`, { amount: '99999999' }, key('w')),
    ];
    const open = [];
    for (const ask of requests) open.push(said(await ask()));
    expect(open.map(([status]) => status)).toEqual([200, 409, 202, 404, 201, 201, 422]);
    await set('now()');
    for (const ask of [...requests, () => api.post('/v1/orders', api.terms())]) expect(said(await ask())).toEqual(refused);
    const stranger = await api.bearer([], { subject: freshId() });
    expect(said(await api.post('/v1/accounts', {}, { authorization: stranger, ...key('n') }))).toEqual(refused);
    expect(said(await api.post('/v1/orders', {}))).toEqual([400, 'invalid-request']);
    await set('null');
    expect((await requests[2]?.())?.status).toBe(202);
  });

  it('a version named before it gave events up matches no more: its ETag names another state', async () => {
    const id = await api.working();
    const cancel = (tag: string) => api.post(`/v1/orders/${id}/cancel`, {}, { headers: { 'if-match': tag } });
    await set('clock_timestamp()');
    await api.database.dataSource.query('select reopen_store(0, true)');
    const stale = await cancel(api.tag(3));
    expect(said(stale)).toEqual([412, 'order-changed']);
    const tag = stale.headers.get('etag') ?? '';
    expect([tag.slice(0, 3), tag === api.tag(3)]).toEqual(['"3-', false]);
    const done = await cancel(tag);
    expect([done.status, done.headers.get('etag')]).toEqual([202, tag.replace('3', '4')]);
  });

  it('an answer that waits for an order which was stored before says so', async () => {
    const before = await api.stored();
    const waiting = api.post('/v1/orders', api.terms(), { headers: { prefer: 'wait=5' } });
    while ((await api.stored()) === before) await new Promise((resolve) => setTimeout(resolve, 10));
    await set('now()');
    const { status, body } = await waiting;
    expect([status, body['status']]).toEqual([201, 'pendingNew']);
  });
});
