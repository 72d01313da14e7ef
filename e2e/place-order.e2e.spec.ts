import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { readTopic } from './topic.ts';
import { startWorld, type World } from './world.ts';

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

  it('is refused without a token, as a problem, and so is the stream', async () => {
    const response = await fetch(`${world.address}/v1/orders`, { method: 'POST' });
    expect(response.status).toBe(401);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const socket = new WebSocket(`${world.address.replace('http', 'ws')}/v1/stream`);
    const refusal = await new Promise<string>((resolve) => socket.once('error', ({ message }) => resolve(message)));
    expect(refusal).toContain('401');
  });
});

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
