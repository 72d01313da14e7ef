import { randomUUID } from 'node:crypto';
import { brokerOrderIdFor } from '@tradecore/events';
import { WebSocket } from 'ws';
import { isDenial, type Client, type OrderSeen } from '@tradecore/local/demo/client.ts';
import { readTopic } from '../comparison/topic.ts';
import { newTrader, type Stage } from './stage.ts';

/** The events of the save that placed an order: the first of its correlation. */
const oneSave = `select event_id, event_type from event_store
  where correlation_id = (select correlation_id from event_store where aggregate_id = $1 and aggregate_version = 1) order by position limit 4`;

interface Denied {
  readonly rule: string;
  readonly figures: Readonly<Record<string, string>>;
}

/** One order end to end, and the answers to invalid ones. */
export function oneOrder(stage: Stage): void {
  let client: Client;
  let account: string;
  beforeAll(async () => {
    ({ client, account } = await newTrader(stage, 'ada', '5000.00'));
    await stage.world.paper().price('ACME', '100');
  }, 30_000);

  it('goes from its POST to the topic, the read model, the brokerage, the books and the stream, through one gateway', async () => {
    const stream = await subscribe(client, account);
    const terms = { clientOrderId: 'first', symbol: 'ACME', side: 'buy', type: 'limit', quantity: '10.0', limitPrice: '101' };
    const body = { accountId: account, ...terms, timeInForce: 'day' };
    const placed = await client.ask<OrderSeen>('POST', '/v1/orders', { body });
    expect(placed.status).toBe(201);
    expect(placed.body).toMatchObject({ accountId: account, quantity: '10', status: 'pendingNew', version: 2 });
    const order = placed.body;

    const { rows } = await stage.world.database.query<{ event_id: string; event_type: string }>(oneSave, [order.id]);
    expect(rows.map(({ event_type: type }) => type).slice(0, 2)).toEqual(['OrderPlaced', 'OrderApproved']);
    expect(rows.map(({ event_type: type }) => type).sort()).toEqual([
      'OrderApproved',
      'OrderPlaced',
      'ReservationMade',
      'SubmitBrokerOrder',
    ]);

    const token = placed.headers.get('consistency-token') ?? '';
    const location = placed.headers.get('location') ?? '';
    const read = await client.ask<OrderSeen>('GET', location, { headers: { 'consistency-token': token } });
    expect([read.status, read.body.id]).toEqual([200, order.id]);
    expect(read.body.version).toBeGreaterThanOrEqual(2);

    await stage.world.until('the topic to hold the event', async () => {
      const records = await readTopic(stage.world.namespace, 'transport.order-events');
      return records.some(({ id, key, version }) => id === rows[0]?.event_id && key === order.id && version === 1);
    });
    const filled = await client.orderWhen(order.id, ({ status }) => status === 'filled', 30_000);
    expect(filled).toMatchObject({ filledQuantity: '10', revisions: [{ revision: 1 }] });
    await stage.world.until('the whole order on the stream', () => stream.has('settled'));
    expect([...stream]).toEqual(
      expect.arrayContaining(['orderPlaced', 'orderApproved', 'reserved', 'orderAccepted', 'execution', 'orderExecuted']),
    );
    expect(await client.positions(account)).toMatchObject([{ symbol: 'ACME', quantity: '10' }]);
  }, 60_000);

  it('is answered when it has ended, if the client prefers to wait', async () => {
    const terms = { symbol: 'ACME', side: 'sell', type: 'market', quantity: '2', timeInForce: 'day' };
    expect(await client.place(account, terms, 10)).toMatchObject({ status: 'filled', filledQuantity: '2' });
  }, 30_000);

  it('is answered with 422, rule and figures when it is denied, and so is its repeat; it is stored and readable', async () => {
    const terms = { clientOrderId: 'dear', symbol: 'ACME', side: 'buy', type: 'limit', quantity: '900', limitPrice: '100' };
    const body = { accountId: account, ...terms, timeInForce: 'day' };
    const [first, second] = [
      await client.ask<Denied>('POST', '/v1/orders', { body }),
      await client.ask<Denied>('POST', '/v1/orders', { body }),
    ];
    expect(isDenial(first)).toBe(true);
    expect(first.body).toMatchObject({ rule: 'insufficient-funds', figures: { needed: expect.any(String) } });
    expect([second.status, second.body.rule]).toEqual([422, 'insufficient-funds']);
    const token = first.headers.get('consistency-token') ?? '';
    const read = await client.ask<OrderSeen>('GET', first.headers.get('location') ?? '', {
      headers: { 'consistency-token': token },
    });
    expect(read.body).toMatchObject({ status: 'denied', filledQuantity: '0' });
  }, 30_000);

  it('reverses shares, money and fee in one save when the brokerage busts its trade', async () => {
    const before = await client.account(account);
    const terms = { symbol: 'AAPL', side: 'buy', type: 'market', quantity: '1', timeInForce: 'day' };
    const { id } = await client.place(account, terms, 10);
    await client.orderWhen(id, ({ status }) => status === 'filled', 30_000);
    await stage.world.paper().bust(brokerOrderIdFor(id, 1));
    expect(await client.orderWhen(id, ({ status }) => status === 'busted', 30_000)).toMatchObject({ filledQuantity: '0' });
    await stage.world.until('the money to be back', async () => (await client.account(account)).cash === before.cash);
    const held = (await client.positions(account)).filter(({ symbol, quantity }) => symbol === 'AAPL' && quantity !== '0');
    expect(held).toEqual([]);
  }, 60_000);

  it('has a timeline in plain English', async () => {
    const terms = { symbol: 'ACME', side: 'buy', type: 'limit', quantity: '500', limitPrice: '100', timeInForce: 'day' };
    const { id } = await client.tryToPlace(account, terms);
    const { body } = await client.ask<{ entries: { text: string }[] }>('GET', `/v1/orders/${id}/timeline`);
    const texts = body.entries.map(({ text }) => text).join('\n');
    expect(texts).toMatch(/^Placed: buy 500 ACME at 100 or better, good for the day\.$/m);
    expect(texts).toMatch(/insufficient-funds/);
  }, 30_000);

  it('is refused without a token, as a problem, and so is the stream', async () => {
    const response = await fetch(`${stage.world.address}/v1/orders`, { method: 'POST' });
    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const socket = new WebSocket(`${stage.world.address.replace('http', 'ws')}/v1/stream`);
    const refusal = await new Promise<string>((resolve) => socket.once('error', ({ message }) => resolve(message)));
    expect(refusal).toContain('401');
  });

  it('is refused as a problem when its body is 1 MiB or its path is not text, and the gateway stays usable', async () => {
    const authorization = `Bearer ${await stage.world.token(randomUUID())}`;
    const headers = { authorization, 'content-type': 'application/json' };
    const mebibyte = Buffer.alloc(1024 * 1024, ' ');
    const bodies = [{ body: mebibyte }, { body: new Blob([mebibyte]).stream(), duplex: 'half' }] as RequestInit[];
    for (const body of bodies) {
      await expectProblem(
        await fetch(`${stage.world.address}/v1/orders`, { method: 'POST', headers, ...body }),
        413,
        'body-too-large',
      );
    }
    for (const part of ['%ff', '%ED%A0%80'])
      await expectProblem(await fetch(`${stage.world.address}/v1/orders/${part}`, { headers }), 400, 'invalid-path');
    await expectProblem(
      await fetch(`${stage.world.address}/v1/orders`, { method: 'POST', headers, body: '{' }),
      400,
      'invalid-json',
    );
  });
}

async function expectProblem(response: Response, status: number, code: string): Promise<void> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(await response.json()).toMatchObject({ status, type: `https://tradecore.dev/problems/${code}` });
  expect(response.status).toBe(status);
}

/** The changes that the account's stream pushes from now on. */
async function subscribe(client: Client, accountId: string): Promise<Set<string>> {
  const changes = new Set<string>();
  const socket = new WebSocket(`${client.address.replace('http', 'ws')}/v1/stream`, {
    headers: { authorization: client.authorization },
  });
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', accountId })));
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as { type: string; change?: string };
      if (message.type === 'subscribed') resolve();
      if (message.change) changes.add(message.change);
    });
  });
  return changes;
}
