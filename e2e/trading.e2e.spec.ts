import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { demoAccount } from '../deploy/local/src/gateway/issuer.ts';
import type { Client, OrderSeen } from '../deploy/local/src/demo/client.ts';
import { agrees, printed, compareAll, type Line, type Owner } from './comparison.ts';
import { faultsOfEveryKind } from './faults.ts';
import { readTopic } from './topic.ts';
import { Traders } from './traders.ts';
import { ended, run, startWorld, type World } from './world.ts';

let world: World;
/** Everybody who has an account in this world. */
const owners: Owner[] = [];

beforeAll(async () => {
  world = await startWorld();
  owners.push({ client: await world.person('demo'), accounts: [demoAccount] });
}, 180_000);
afterAll(() => world.end(), 90_000);

/** What every service says once nothing is under way: read models are milliseconds behind, sagas end after their orders. */
async function comparison(): Promise<Line[]> {
  let lines: Line[] = [];
  const isWhole = async (): Promise<boolean> => {
    lines = await compareAll({ world, paper: world.paper(), owners });
    return lines.every(agrees);
  };
  await world.until('every service to say the same', isWhole, 60_000).catch(() => {});
  process.stdout.write(`\n${printed(lines)}\n`);
  return lines;
}

describe('one order', () => {
  let client: Client;
  let account: string;
  beforeAll(async () => {
    client = await world.person('ada');
    account = await client.openAccount('first', 'Ada');
    await client.deposit(account, '5000.00', 'first');
    owners.push({ client, accounts: [account] });
    await world.paper().price('ACME', '100');
  }, 30_000);

  it('goes from its POST to the topic, the read model, the broker, the books and the stream, under one address', async () => {
    const stream = await subscribe(client, account);
    const terms = { clientOrderId: 'first', symbol: 'ACME', side: 'buy', type: 'limit', quantity: '10.0', limitPrice: '101' };
    const body = { accountId: account, ...terms, timeInForce: 'day' };
    const placed = await client.ask<OrderSeen>('POST', '/v1/orders', { body });
    expect(placed.status).toBe(201);
    expect(placed.body).toMatchObject({ accountId: account, quantity: '10', status: 'pendingNew', version: 2 });
    const order = placed.body;

    const { rows } = await world.database.query<{ event_id: string; event_type: string }>(
      'select event_id, event_type from event_store where aggregate_id = $1 order by aggregate_version limit 2',
      [order.id],
    );
    expect(rows.map(({ event_type: type }) => type)).toEqual(['OrderPlaced', 'OrderApproved']);

    const token = placed.headers.get('consistency-token') ?? '';
    const location = placed.headers.get('location') ?? '';
    const read = await client.ask<OrderSeen>('GET', location, { headers: { 'consistency-token': token } });
    expect([read.status, read.body.id]).toEqual([200, order.id]);
    expect(read.body.version).toBeGreaterThanOrEqual(2);

    await world.until('the topic to hold the event', async () => {
      const records = await readTopic(world.namespace, 'transport.order-events');
      return records.some(({ id, key, version }) => id === rows[0]?.event_id && key === order.id && version === 1);
    });
    const filled = await client.orderWhen(order.id, ({ status }) => status === 'filled', 30_000);
    expect(filled).toMatchObject({ filledQuantity: '10', revisions: [{ revision: 1 }] });
    await world.until('the stream to tell it all', () => stream.has('settled'));
    expect([...stream]).toEqual(
      expect.arrayContaining(['orderPlaced', 'reserved', 'orderAccepted', 'execution', 'orderExecuted']),
    );
    expect(await client.positions(account)).toMatchObject([{ symbol: 'ACME', quantity: '10' }]);
  }, 60_000);

  it('is answered when it has ended, if the client prefers to wait', async () => {
    const terms = { symbol: 'ACME', side: 'sell', type: 'market', quantity: '2', timeInForce: 'day' };
    expect(await client.place(account, terms, 10)).toMatchObject({ status: 'filled', filledQuantity: '2' });
  }, 30_000);

  it('tells its whole life in plain words', async () => {
    const { id } = await client.place(
      account,
      { ...{ symbol: 'ACME', side: 'buy', type: 'limit' }, quantity: '500', limitPrice: '100', timeInForce: 'day' },
      10,
    );
    const { body } = await client.ask<{ entries: { text: string }[] }>('GET', `/v1/orders/${id}/timeline`);
    const texts = body.entries.map(({ text }) => text).join('\n');
    expect(texts).toMatch(/^Placed: buy 500 ACME at 100 or better, good for the day\.$/m);
    expect(texts).toMatch(/insufficient-funds/);
  }, 30_000);

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

describe('npm run demo', () => {
  it('plays a trading day on the fleet: filled, cancelled, replaced, refused, lost and found, sold; and everything balances', async () => {
    const { runner, output } = run(['demo'], { ...process.env, TRADECORE_HOME: world.home });
    const code = await ended(runner);
    const said = output();
    expect([code, said]).toEqual([0, expect.stringContaining('Everything balances.')]);
    const sightings = [
      ...said.matchAll(/^ *(\d+\.\d) ms {2}(request|event stored|answer|on the topic|row readable|pushed) +(.+)$/gm),
    ];
    expect(Object.fromEntries(sightings.map(([, , what = '', detail]) => [what, detail]))).toEqual({
      request: expect.stringMatching(/^POST \/v1\/orders \{"accountId":.+\}$/),
      'event stored': expect.stringMatching(/^OrderPlaced in event_store, version 1, event [0-9a-f-]{36}$/),
      answer: expect.stringMatching(/^201 Created, Location \/v1\/orders\//),
      'on the topic': expect.stringMatching(/transport\.order-events, partition \d+, offset \d+$/),
      'row readable': expect.stringMatching(/^order_projector\.exported_orders: 100 ACME, \w+, version \d+$/),
      pushed: expect.stringMatching(/^WebSocket \/v1\/stream, change \d+ of the account: order/),
    });
    const times = sightings.map(([, at]) => Number(at));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (const line of [
      'cancelled: the broker says so',
      'replaced: the broker works revision 2',
      'denied (insufficient-funds)',
      'nobody knows whether',
    ])
      expect(said).toContain(line);
    expect(said).toMatch(/Positions at the end of the day\n +symbol .+\n +ACME +60 /);
  }, 120_000);
});

describe('1,000 orders on 20 accounts while the broker does everything wrong', () => {
  let traders: Traders;
  let left: readonly OrderSeen[];
  let lines: Line[];

  beforeAll(async () => {
    const client = await world.person('traders');
    traders = new Traders(client, { accounts: 20, workers: 6, money: '50000.00' });
    await traders.open();
    owners.push({ client, accounts: traders.accounts });
    const paper = world.paper();
    await faultsOfEveryKind(paper);
    await traders.trade(800);
    // Away in the middle of it: orders wait, visibly, and go on when it is back.
    await paper.fault({ kind: 'away', ms: 6000 });
    await traders.trade(200);
    await paper.noFaults();
    left = await traders.wrapUp(180_000);
    lines = await comparison();
  }, 480_000);

  it('acknowledges each of them and answers nothing unexpected', () => {
    expect(traders.acknowledged).toHaveLength(1000);
    expect(traders.surprises).toEqual([]);
  });

  it('brings each of them to one terminal state', async () => {
    expect(left).toEqual([]);
    const orders = await traders.orders();
    expect(new Set(orders.map(({ id }) => id))).toEqual(new Set(traders.acknowledged.map(({ id }) => id)));
    const ends = new Set(orders.map(({ status }) => status));
    expect([...ends]).toEqual(expect.arrayContaining(['filled', 'canceled', 'denied']));
  }, 30_000);

  it('leaves store, broker, read models and topics saying the same, with the books at zero', () => {
    expect(lines.length).toBeGreaterThan(15);
    expect(lines.filter((line) => !agrees(line))).toEqual([]);
  });

  it('has met outcomes that nobody knew, and proved each of them', async () => {
    const { rows } = await world.database.query<{ type: string; count: number }>(
      `select event_type as type, count(*)::int from event_store where event_type in ('BrokerOutcomeUnknown', 'BrokerOrderAccepted') group by 1`,
    );
    expect(Object.fromEntries(rows.map(({ type, count }) => [type, count > 0]))).toEqual({
      BrokerOutcomeUnknown: true,
      BrokerOrderAccepted: true,
    });
  });
});

async function expectProblem(response: Response, status: number, code: string): Promise<void> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(await response.json()).toMatchObject({ status, type: `https://tradecore.dev/problems/${code}` });
  expect(response.status).toBe(status);
}

/** Opens the account's stream; `entry` resolves with the first one. */

/** The changes that the account's stream tells from now on. */
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
