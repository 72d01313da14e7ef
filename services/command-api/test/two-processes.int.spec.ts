import { freshId } from '@tradecore/events';
import { RunningCommandApi, type Answer } from './running-command-api.ts';

/** Two processes of the service on one database, and one client of both. */
let one: RunningCommandApi;
let other: RunningCommandApi;
beforeAll(async () => {
  one = await RunningCommandApi.start();
  const second = await RunningCommandApi.beside(one.around);
  other = second.as(one.account, await one.bearer([], { subject: 'client' }));
});
afterAll(async () => {
  await other?.stopService();
  await one?.stop();
});

/** Sends requests to both processes at the same moment, `times` times each. */
const askBoth = (ask: (api: RunningCommandApi) => Promise<Answer>, times = 1): Promise<Answer[]> =>
  Promise.all(Array.from({ length: times }, () => [ask(one), ask(other)]).flat());
const statuses = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status).sort();

describe('two processes', () => {
  it('place one order for one request, with the same answer', async () => {
    const terms = one.terms();
    const answers = await askBoth((api) => api.post('/v1/orders', terms), 5);
    expect(statuses(answers)).toEqual([...Array<number>(9).fill(200), 201]);
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  });

  it('accept one of two cancels, and both under one key', async () => {
    const cancel = (id: string, headers: Record<string, string> = {}) =>
      askBoth((api) => api.post(`/v1/orders/${id}/cancel`, {}, { headers }));
    expect(statuses(await cancel(await one.working()))).toEqual([202, 409]);
    expect(statuses(await cancel(await one.working(), { 'idempotency-key': 'k' }))).toEqual([202, 202]);
  });

  it('accept one of a cancel and a replace, or the replace and then the cancel', async () => {
    const id = await one.working();
    const [canceled, replaced] = await Promise.all([
      one.post(`/v1/orders/${id}/cancel`),
      other.post(`/v1/orders/${id}/replace`, { quantity: '11' }),
    ]);
    expect(canceled.status).toBe(202);
    expect([202, 409]).toContain(replaced.status);
    const again = await one.post(`/v1/orders/${id}/cancel`);
    expect([again.status, again.body['type']]).toEqual([409, 'https://tradecore.dev/problems/cancel-already-requested']);
  });

  it('pay out the available money once, whichever is asked', async () => {
    const client = await one.newClient('shared');
    const twin = other.as(client.account, await one.bearer([], { subject: 'shared', scope: 'read trade transfer' }));
    await client.deposit('7');
    const withdraw = (api: RunningCommandApi, key: string) =>
      api.post(`/v1/accounts/${client.account}/withdrawals`, { amount: '1' }, { headers: { 'idempotency-key': key } });
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => [withdraw(client, freshId()), withdraw(twin, freshId())]).flat(),
    );
    expect(statuses(answers)).toEqual([...Array<number>(7).fill(201), ...Array<number>(3).fill(422)]);
    await client.deposit('1');
    const same = await Promise.all(Array.from({ length: 5 }, () => [withdraw(client, 'k'), withdraw(twin, 'k')]).flat());
    expect(statuses(same)).toEqual([...Array<number>(9).fill(200), 201]);
  });

  it('open one account, and grant access once', async () => {
    const authorization = await one.bearer([], { subject: freshId() });
    const opened = await askBoth((api) => api.post('/v1/accounts', {}, { authorization, headers: { 'idempotency-key': 'k' } }));
    expect(statuses(opened)).toEqual([200, 201]);
    const operator = await one.bearer([], { role: 'operator' });
    const path = `/v1/accounts/${String(opened[0]?.body['id'])}/grants`;
    const granted = await askBoth((api) => api.post(path, { subject: 'friend' }, { authorization: operator }));
    expect(statuses(granted)).toEqual([200, 201]);
    expect(granted.map(({ body }) => body['version'])).toEqual([2, 2]);
  });

  it('respect a kill switch from its answer on, whichever was asked', async () => {
    const operator = await one.bearer([], { role: 'operator' });
    const setSwitch = (api: RunningCommandApi, trading: string) =>
      api.post('/v1/admin/kill-switch', { scope: 'all', trading, reason: 'test' }, { authorization: operator });
    for (const [here, there] of [
      [one, other],
      [other, one],
    ] as const) {
      await setSwitch(here, 'halted');
      expect((await there.post('/v1/orders', there.terms())).body['rule']).toBe('trading-halted');
      await setSwitch(here, 'resumed');
      expect((await there.post('/v1/orders', there.terms())).body['status']).toBe('pendingNew');
    }
  });

  it('spend the money once: on exactly as many orders as it pays for, whichever is asked', async () => {
    const client = await one.newClient('rich');
    const twin = other.as(client.account, await one.bearer([], { subject: 'rich' }));
    await client.deposit('10100');
    const place = (api: RunningCommandApi) => api.post('/v1/orders', client.terms({ quantity: '10', limitPrice: '100' }));
    const answers = await Promise.all(Array.from({ length: 20 }, () => [place(client), place(twin)]).flat());
    expect(statuses(answers)).toEqual([...Array<number>(10).fill(201), ...Array<number>(30).fill(422)]);
    for (const { status, body } of answers) if (status === 422) expect(body['rule']).toBe('insufficient-funds');
  });

  it('see a deposit at once after one of them acknowledged it', async () => {
    const client = await one.newClient('poor');
    const twin = other.as(client.account, await one.bearer([], { subject: 'poor' }));
    for (let round = 0; round < 10; round += 1) {
      await client.deposit('1020');
      const terms = client.terms({ quantity: '10', limitPrice: '100' });
      expect((await twin.post('/v1/orders', terms)).status).toBe(201);
      expect((await client.post('/v1/orders', client.terms({ quantity: '10', limitPrice: '100' }))).body['rule']).toBe(
        'insufficient-funds',
      );
    }
  });
});
