import { setTimeout as sleep } from 'node:timers/promises';
import { orderIdFor } from '@tradecore/events';
import { RunningCommandApi, type Answer } from './running-command-api.ts';

let api: RunningCommandApi;
beforeAll(async () => (api = await RunningCommandApi.start()));
afterAll(() => api.stop());

const place = (prefer: string, changes: object = {}): { id: string; answer: Promise<Answer> } => {
  const terms = api.terms({ ...changes });
  const answer = api.post('/v1/orders', terms, { headers: { prefer } });
  return { id: orderIdFor(api.account, terms['clientOrderId'] as string), answer };
};

/** Waits until that event of the order is stored: the answer's wait has started or is about to. */
async function stored(id: string, type = 'OrderPlaced'): Promise<void> {
  const query = 'select from event_store where aggregate_id = $1 and event_type = $2';
  while ((await api.database.dataSource.query<unknown[]>(query, [id, type])).length === 0) await sleep(5);
}

async function seconds<T>(work: Promise<T>): Promise<[number, T]> {
  const started = performance.now();
  const result = await work;
  return [(performance.now() - started) / 1000, result];
}

describe('Prefer: wait', () => {
  it('answers as soon as the order is terminal, with its state', async () => {
    const { id, answer } = place('wait=10');
    await stored(id);
    await api.brokerage(id, { says: 'rejected', code: '40310000', reason: 'no' });
    const [took, { status, headers, body }] = await seconds(answer);
    expect(took).toBeLessThan(5);
    expect([status, headers.get('preference-applied'), body['status'], headers.get('etag')]).toEqual([
      201,
      'wait=10',
      'rejected',
      api.tag(3),
    ]);
  });

  it('answers after that time if it is not', async () => {
    const [took, { status, headers, body }] = await seconds(place('respond-async, wait=1').answer);
    expect(took).toBeGreaterThan(0.95);
    expect([status, headers.get('preference-applied'), body['status']]).toEqual([201, 'wait=1', 'pendingNew']);
  });

  it('of 0 s, for a denied order and for one that is already terminal answers at once', async () => {
    const [took, answers] = await seconds(Promise.all([place('wait=0').answer, place('wait=9', { symbol: 'HALT' }).answer]));
    expect(took).toBeLessThan(3);
    expect(answers.map(({ status, headers, body }) => [status, headers.get('preference-applied'), body['status']])).toEqual([
      [201, 'wait=0', 'pendingNew'],
      [422, null, 422],
    ]);
  });

  it('over 10 s is 10 s; any other preference is ignored', async () => {
    const { id, answer } = place('wait=4711');
    await stored(id);
    await api.brokerage(id, { says: 'lapsed', reason: 'time-in-force' });
    expect((await answer).headers.get('preference-applied')).toBe('wait=10');
    for (const prefer of ['return=minimal', 'wait', 'wait=soon', 'wait=-1', 'waiting=5', ',;=']) {
      const { status, headers } = await place(prefer).answer;
      expect([status, headers.get('preference-applied')]).toEqual([201, null]);
    }
  });

  it('applies to a repeat and a cancel as well', async () => {
    const terms = api.terms();
    const first = await api.post('/v1/orders', terms);
    const id = first.body['id'] as string;
    const repeated = api.post('/v1/orders', terms, { headers: { prefer: 'wait=10' } });
    const canceled = api.post(`/v1/orders/${id}/cancel`, {}, { headers: { prefer: 'wait=10' } });
    await stored(id, 'OrderCancelRequested');
    await api.brokerage(id, { says: 'canceled' });
    expect((await repeated).body['status']).toBe('canceled');
    expect([(await canceled).status, (await canceled).body['status']]).toEqual([202, 'canceled']);
  });

  it('ends when the service stops: the answer has the order’s current state', async () => {
    const second = await RunningCommandApi.beside(api.around);
    const client = await second.newClient();
    await client.deposit('10000');
    const terms = client.terms();
    const answer = client.post('/v1/orders', terms, { headers: { prefer: 'wait=10' } });
    await stored(orderIdFor(client.account, terms['clientOrderId'] as string));
    const [took, { status, body }] = await seconds(Promise.all([answer, second.stopService()]).then(([each]) => each));
    expect(took).toBeLessThan(5);
    expect([status, body['status']]).toEqual([201, 'pendingNew']);
  });
});
