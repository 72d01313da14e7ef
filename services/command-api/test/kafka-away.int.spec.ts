import { RunningCommandApi } from './running-command-api.ts';

let api: RunningCommandApi;
/** A process of the service that can't reach Kafka. */
let away: RunningCommandApi;
beforeAll(async () => {
  api = await RunningCommandApi.start();
  const other = await RunningCommandApi.beside(api.around, { KAFKA_BROKERS: '127.0.0.1:1' }, { withMarket: false });
  away = other.as(api.account, await api.bearer([], { subject: 'client' }));
});
afterAll(async () => {
  await away?.stopService();
  await api?.stop();
});

describe('a process without Kafka', () => {
  it('is ready', async () => {
    expect((await fetch(new URL('/health/ready', away.adminUrl))).status).toBe(200);
  });

  it('answers orders and replaces 503, because it has read no market data, and stores nothing', async () => {
    const id = await api.working();
    const before = await api.stored();
    const answers = [
      await away.post('/v1/orders', away.terms()),
      await away.post(`/v1/orders/${id}/replace`, { quantity: '11' }),
    ];
    for (const { status, headers, body } of answers) {
      expect([status, headers.get('retry-after'), body['reason']]).toEqual([503, '1', 'unread']);
      expect(body['type']).toBe('https://tradecore.dev/problems/prices-unavailable');
    }
    expect(await api.stored()).toBe(before);
  });

  it('accepts cancels and money, and recognises a repeat', async () => {
    const terms = api.terms();
    const { body } = await api.post('/v1/orders', terms);
    expect(await away.post('/v1/orders', terms)).toMatchObject({ status: 200, body });
    expect((await away.post(`/v1/orders/${String(body['id'])}/cancel`)).status).toBe(202);
    expect((await away.payIn({ amount: '1' })).status).toBe(201);
  });

  it('denies an order if that needs no market data', async () => {
    const operator = await api.bearer([], { role: 'operator' });
    const setSwitch = (trading: string) =>
      away.post('/v1/admin/kill-switch', { scope: 'all', trading, reason: 'test' }, { authorization: operator });
    await setSwitch('halted');
    expect((await away.post('/v1/orders', away.terms())).body['rule']).toBe('trading-halted');
    await setSwitch('resumed');
  });
});
