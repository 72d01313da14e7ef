import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import { Alpaca } from '../src/alpaca/alpaca.ts';
import { AlpacaHttp } from '../src/alpaca/http.ts';
import { NoUsableReply } from '../src/brokerage-port.ts';
import { createTestDatabase } from '@tradecore/event-sourcing/testing';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { CallRate } from '../src/alpaca/call-rate.ts';
import { gatewayMetrics } from '../src/broker-gateway.metrics.ts';
import { sharedSlots, type CallSlots } from '../src/call-slots.ts';
import { revisionTerms } from './world.ts';

/** A limit that no test reaches. */
const boundless: CallSlots = {
  perMinute: 60_000,
  reserve: (count) => Promise.resolve({ count, waitMs: 0 }),
  pause: () => Promise.resolve(),
};

const order = {
  id: 'v1',
  client_order_id: 'c1',
  symbol: 'ACME',
  side: 'buy',
  status: 'accepted',
  qty: '10',
  filled_qty: '0',
  submitted_at: '2026-01-02T03:04:05.123456789Z',
  created_at: '2026-01-02T03:04:05Z',
  replaces: null,
  replaced_by: null,
};

describe('a call to the brokerage', () => {
  const servers: Server[] = [];
  const seen: { method?: string | undefined; url?: string | undefined; body: string }[] = [];

  /** A brokerage that answers as the test says. */
  const broker = async (listener: RequestListener, slots = boundless) => {
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (text: Buffer) => (body += text.toString()));
      request.on('end', () => {
        seen.push({ method: request.method, url: request.url, body });
        listener(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const http = new AlpacaHttp({ url, keyId: 'k', secretKey: 's', timeoutMs: 2_000, slots });
    return { http, alpaca: new Alpaca('paper', true, http, http) };
  };
  const says = (status: number, body: unknown, headers: Record<string, string> = {}): RequestListener => {
    return (_, response) => response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  };
  const submitted = async (listener: RequestListener) => (await broker(listener)).alpaca.submit('c1', revisionTerms());

  afterEach(() => {
    seen.length = 0;
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  it('sends decimals as text, with our id', async () => {
    const { alpaca } = await broker(says(200, order));
    const terms = revisionTerms({ type: 'stopLimit', limitPrice: '101.5', stopPrice: '100', timeInForce: 'gtc' });
    expect(await alpaca.submit('c1', terms)).toMatchObject({
      kind: 'order',
      order: { brokerageOrderId: 'v1', status: 'working' },
    });
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      symbol: 'ACME',
      side: 'buy',
      type: 'stop_limit',
      time_in_force: 'gtc',
      qty: '10',
      limit_price: '101.5',
      stop_price: '100',
      client_order_id: 'c1',
    });
  });

  it.each<[string, RequestListener, object]>([
    ['an order', says(200, order), { kind: 'order' }],
    ['an unknown status', says(200, { ...order, status: 'dreaming' }), { kind: 'unknown' }],
    ['a numeric quantity', says(200, { ...order, filled_qty: 3 }), { kind: 'unknown' }],
    ['HTML', says(200, '<html>'), { kind: 'unknown' }],
    ['an empty reply', says(204, ''), { kind: 'unknown' }],
    ['a redirect', says(302, '', { location: 'https://elsewhere.example/' }), { kind: 'unknown' }],
    ['a 500', says(500, { code: 50010000, message: 'internal' }), { kind: 'unknown' }],
    ['a 503', says(503, ''), { kind: 'unknown' }],
    ['a 429', says(429, { code: 42910000, message: 'slow' }, { 'retry-after': '2' }), { kind: 'unsent', retryAfterMs: 2_000 }],
    [
      'a refusal',
      says(422, { code: 42210000, message: 'bad price' }),
      { kind: 'refused', code: '42210000', reason: 'bad price' },
    ],
    ['insufficient buying power', says(403, { code: 40310000, message: 'insufficient' }), { kind: 'refused', code: '40310000' }],
    ['unknown keys', says(401, { code: 40110000, message: 'unauthorized' }), { kind: 'unsent' }],
    ['forbidden keys', says(403, { message: 'forbidden.' }), { kind: 'unsent' }],
    ['a duplicate of our id', says(422, { code: 40010001, message: 'client_order_id must be unique' }), { kind: 'duplicate' }],
    ['a connection that breaks', (request) => request.socket.destroy(), { kind: 'unknown' }],
    ['silence', () => undefined, { kind: 'unknown' }],
  ])('that is answered with %s', async (_, listener, expected) => expect(await submitted(listener)).toMatchObject(expected));

  it.each<[string, Partial<CallSlots>, RequestListener]>([
    ['rate-limited', {}, says(429, '')],
    ['unsent', { reserve: () => Promise.resolve({ count: 0, waitMs: 1_429 }) }, says(200, order)],
  ])('counts as %s whether the brokerage answered 429, not by the digits of a wait', async (outcome, slots, listener) => {
    const counted = jest.spyOn(gatewayMetrics.calls, 'inc');
    const { alpaca } = await broker(listener, { ...boundless, ...slots });
    expect(await alpaca.submit('c1', revisionTerms())).toMatchObject({ kind: 'unsent' });
    expect(counted).toHaveBeenLastCalledWith({ call: 'submit', outcome });
  });

  it('does not follow a redirect', async () => {
    let elsewhere = 0;
    const other = await broker(() => (elsewhere += 1));
    const url = Reflect.get(other.http, 'settings').url as string;
    await submitted(says(307, '', { location: `${url}/v2/orders` }));
    expect(elsewhere).toBe(0);
  });

  it('is given up when its reply is endless', async () => {
    const megabyte = 'x'.repeat(1024 * 1024);
    const answer = await submitted((_, response) => {
      response.writeHead(200);
      const more = () => response.destroyed || response.write(megabyte, () => setImmediate(more));
      more();
    });
    expect(answer.kind).toBe('unknown');
  }, 10_000);

  it('that cannot connect certainly did nothing', async () => {
    const { alpaca } = await broker(says(200, order));
    const server = servers.pop();
    await new Promise((resolve) => server?.close(resolve));
    expect(await alpaca.submit('c1', revisionTerms())).toMatchObject({ kind: 'unsent', reason: 'no answer: ECONNREFUSED' });
  });

  it('is not made while the brokerage is unavailable; the first answer ends the outage', async () => {
    let isAway = true;
    let backs = 0;
    const { http, alpaca } = await broker((request, response) => says(isAway ? 500 : 200, order)(request, response));
    http.onBack(() => (backs += 1));
    for (let n = 0; n < 8; n += 1) await alpaca.submit('c1', revisionTerms());
    let before: number;
    let answer: unknown;
    // The first wait is 250 ms with jitter: a slow machine may find the breaker half open, which lets one call through.
    do {
      before = seen.length;
      answer = await alpaca.submit('c1', revisionTerms());
    } while (seen.length > before);
    expect([http.isOpen, answer]).toEqual([false, { kind: 'unsent', reason: 'the brokerage is unavailable' }]);
    isAway = false;
    while ((await alpaca.submit('c1', revisionTerms())).kind !== 'order') await new Promise((resolve) => setTimeout(resolve, 20));
    expect([http.isOpen, backs]).toEqual([true, 1]);
  });

  it('reads every page of a list, even when orders share a submission time', async () => {
    const all = Array.from({ length: 1_200 }, (_, n) => ({
      ...order,
      id: `v${n}`,
      submitted_at: new Date(Date.UTC(2026, 0, 2) + Math.floor(n / 7)).toISOString(),
    }));
    const { alpaca } = await broker((request, response) => {
      const after = new URL(request.url ?? '', 'http://x').searchParams.get('after');
      const page = all.filter(({ submitted_at }) => after === null || submitted_at > after).slice(0, 500);
      says(200, page)(request, response);
    });
    expect((await alpaca.openOrders()).orders).toHaveLength(1_200);
  });

  it('throws when a question is answered in an unknown shape', async () => {
    const { alpaca } = await broker(says(200, { orders: [order] }));
    await expect(alpaca.openOrders()).rejects.toThrow(NoUsableReply);
  });

  it('returns the other orders of a list, and the readable part of those with an unknown shape', async () => {
    const strange = [
      { ...order, id: 'several', symbol: '', side: '', order_class: 'mleg' },
      { ...order, id: 'option', symbol: 'ACME260117C00150000', side: 'sell', position_intent: 'sell_to_open' },
      { ...order, id: 'coin', symbol: 'BTC/USD', qty: '0.12345678912', filled_qty: '0' },
      { ...order, id: 'money', qty: null, notional: '100.50', filled_qty: '0.4444444444' },
      { ...order, id: 'word', status: 'dreaming', client_order_id: null, submitted_at: 7 },
      { ...order, id: 'control', client_order_id: 'a\u0000b' },
      { ...order, id: null },
      'no order',
    ];
    const { alpaca } = await broker(says(200, [order, ...strange]));
    const { orders, unreadable } = await alpaca.openOrders();
    expect(orders.map(({ brokerageOrderId }) => brokerageOrderId)).toEqual(['v1', 'option']);
    expect(unreadable).toMatchObject([
      { brokerageOrderId: 'several', unreadable: 'symbol' },
      { brokerageOrderId: 'coin', symbol: 'BTC/USD', unreadable: 'qty' },
      { brokerageOrderId: 'money', symbol: 'ACME', unreadable: 'filled_qty' },
      { brokerageOrderId: 'word', brokerageStatus: 'dreaming', clientOrderId: '' },
      { brokerageOrderId: 'control', clientOrderId: '' },
    ]);
  });

  it('names the orders of unreadable executions, and holds up no other order', async () => {
    const fill = { id: '1::e1', order_id: 'v1', qty: '1', price: '100', transaction_time: order.created_at };
    const { alpaca } = await broker(says(200, [fill, { ...fill, id: '2::e2', order_id: 'coin', qty: '0.12345678912' }]));
    expect(await alpaca.executionsSince(order.created_at)).toMatchObject({
      executions: [{ brokerageOrderId: 'v1' }],
      unreadableOf: new Set(['coin']),
    });
    const of = (brokerageOrderId: string) => alpaca.executionsOf({ brokerageOrderId, submittedAt: order.created_at } as never);
    expect(await of('v1')).toHaveLength(1);
    await expect(of('coin')).rejects.toThrow(NoUsableReply);
  });
});

describe('the rate limit of a brokerage', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  beforeAll(async () => (database = await createTestDatabase({ migrations: [...runtimeMigrations] })), 60_000);
  afterAll(() => database.drop());

  /** The limit as two replicas in separate processes see it. */
  const replicas = async (perMinute: number, maxWaitMs = 5_000) => {
    await database.dataSource.query(`update broker_gateway.call_slots set free_at = '-infinity'`);
    const dataSource = await database.dataSourceFor('broker-gateway');
    return [1, 2].map(() => new CallRate(sharedSlots(dataSource, 'trading', perMinute), maxWaitMs)) as [CallRate, CallRate];
  };
  const took = async (calls: Promise<unknown>): Promise<number> => {
    const begun = performance.now();
    await calls;
    return performance.now() - begun;
  };

  it('is shared by all replicas: a tenth of a minute at once, then each call at its time', async () => {
    const rates = await replicas(600); // 60 at once, then 10 a second
    expect(await took(Promise.all(Array.from({ length: 60 }, (_, n) => rates[n % 2]!.take())))).toBeLessThan(500);
    const ms = await took(Promise.all(Array.from({ length: 6 }, (_, n) => rates[n % 2]!.take())));
    expect(ms).toBeGreaterThan(450);
    expect(ms).toBeLessThan(1_500);
  });

  it('lets a cancel overtake waiting calls, and no more work begin while two calls wait', async () => {
    const [rate] = await replicas(600);
    await Promise.all(Array.from({ length: 60 }, () => rate.take()));
    expect(rate.room).toBe(Infinity);
    const order: string[] = [];
    const calls = ['a', 'b', 'c'].map((name) => rate.take().then(() => order.push(name)));
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(rate.room).toBe(0);
    await Promise.all([...calls, rate.take(true).then(() => order.push('cancel'))]);
    expect(order).toEqual(['cancel', 'a', 'b', 'c']);
  });

  it('refuses a call that would wait too long without using a slot; a request to wait applies to all replicas', async () => {
    const [one, other] = await replicas(600, 900);
    await Promise.all(Array.from({ length: 60 }, () => one.take()));
    const waits = Array.from({ length: 9 }, () => one.take().catch((error: unknown) => error));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await one.pause(1_500);
    expect(await waits.at(-1)).toMatchObject({ name: 'RateExceeded' });
    for (const rate of [one, other]) {
      const refusal = await rate.take().catch((error: unknown) => error);
      expect(refusal).toMatchObject({ name: 'RateExceeded' });
      expect((refusal as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(200);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await took(other.take())).toBeLessThan(900);
  });
});
