import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { readTopic } from './topic.ts';
import { ended, run, startWorld, type World } from './world.ts';

describe('one order', () => {
  let world: World;
  beforeAll(async () => void (world = await startWorld()), 180_000);
  afterAll(() => world.end(), 60_000);

  it('goes from its POST to the topic, the read model and the stream, under one address', async () => {
    const account = randomUUID();
    const authorization = `Bearer ${await world.token(account)}`;
    const { entry } = await subscribe(world, account, authorization);

    const terms = { clientOrderId: 'first', symbol: 'ACME', side: 'buy', type: 'limit', quantity: '10.50', limitPrice: '99.5' };
    const placed = await fetch(`${world.address}/v1/orders`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ accountId: account, ...terms, timeInForce: 'day' }),
    });
    expect(placed.status).toBe(201);
    const location = placed.headers.get('location') ?? '';
    const order = (await placed.json()) as { id: string };
    expect(order).toMatchObject({ accountId: account, quantity: '10.5', status: 'pending', version: 1 });

    const { rows } = await world.database.query('select event_id, event_type from event_store where aggregate_id = $1', [
      order.id,
    ]);
    expect(rows).toEqual([{ event_id: expect.any(String), event_type: 'OrderPlaced' }]);

    const token = placed.headers.get('consistency-token') ?? '';
    const read = await fetch(`${world.address}${location}`, { headers: { authorization, 'consistency-token': token } });
    expect(read.status).toBe(200);
    expect(await read.json()).toEqual(order);

    await world.until('the topic to hold the event', async () => {
      const records = await readTopic(world.namespace, 'transport.order-events');
      return records.some(({ id, key, version }) => id === rows[0]?.event_id && key === order.id && version === 1);
    });
    expect(await entry).toMatchObject({ type: 'entry', sequence: 1, orderId: order.id, change: 'orderPlaced' });
  }, 60_000);

  it('is shown on its way by npm run demo: request, stored event, topic and offset, row, each with its milliseconds', async () => {
    const { runner, output } = run(['demo'], { ...process.env, TRADECORE_HOME: world.home });
    expect([await ended(runner), output()]).toEqual([0, expect.stringContaining(world.address)]);
    const sightings = [...output().matchAll(/^ *(\d+\.\d) ms {2}(request|event stored|on the topic|row readable) +(.+)$/gm)];
    const details = Object.fromEntries(sightings.map(([, , what = '', detail]) => [what, detail]));
    expect(details).toEqual({
      request: expect.stringMatching(/^POST \/v1\/orders \{"accountId":.+\}$/),
      'event stored': expect.stringMatching(/^OrderPlaced in event_store, version 1, event [0-9a-f-]{36}$/),
      'on the topic': expect.stringMatching(/transport\.order-events, partition \d+, offset \d+$/),
      'row readable': expect.stringMatching(/^order_projector\.exported_orders: 10 ACME, pending, version 1$/),
    });
    const times = sightings.map(([, at]) => Number(at));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const { rows } = await world.database.query<{ demo: number }>(
      `select count(*)::int as demo from event_store where event_data->>'clientOrderId' like 'demo-%'`,
    );
    expect(rows[0]?.demo).toBe(21);
  }, 60_000);

  it('is refused without a token, as a problem, and so is the stream', async () => {
    const response = await fetch(`${world.address}/v1/orders`, { method: 'POST' });
    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const socket = new WebSocket(`${world.address.replace('http', 'ws')}/v1/stream`);
    const refusal = await new Promise<string>((resolve) => socket.once('error', ({ message }) => resolve(message)));
    expect(refusal).toContain('401');
  });

  it('is refused as a problem when its body is 1 MiB or its path is no text, and the address stays usable', async () => {
    const authorization = `Bearer ${await world.token(randomUUID())}`;
    const headers = { authorization, 'content-type': 'application/json' };
    const mebibyte = Buffer.alloc(1024 * 1024, ' ');
    const bodies = [{ body: mebibyte }, { body: new Blob([mebibyte]).stream(), duplex: 'half' }] as RequestInit[];
    for (const body of bodies) {
      await expectProblem(await fetch(`${world.address}/v1/orders`, { method: 'POST', headers, ...body }), 413, 'body-too-large');
    }
    for (const part of ['%ff', '%ED%A0%80'])
      await expectProblem(await fetch(`${world.address}/v1/orders/${part}`, { headers }), 400, 'invalid-path');
    await expectProblem(await fetch(`${world.address}/v1/orders`, { method: 'POST', headers, body: '{' }), 400, 'invalid-json');
  });
});

async function expectProblem(response: Response, status: number, code: string): Promise<void> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(await response.json()).toMatchObject({ status, type: `https://tradecore.dev/problems/${code}` });
  expect(response.status).toBe(status);
}

/** Opens the account's stream; `entry` resolves with the first one. */
async function subscribe(world: World, accountId: string, authorization: string): Promise<{ entry: Promise<unknown> }> {
  const socket = new WebSocket(`${world.address.replace('http', 'ws')}/v1/stream`, { headers: { authorization } });
  const { promise: subscribed, resolve: isSubscribed, reject } = Promise.withResolvers<void>();
  const { promise: entry, resolve: isEntry } = Promise.withResolvers<unknown>();
  socket.on('error', reject);
  socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', accountId })));
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as { type: string };
    if (message.type === 'subscribed') isSubscribed();
    if (message.type !== 'entry') return;
    isEntry(message);
    socket.close();
  });
  await subscribed;
  return { entry };
}
