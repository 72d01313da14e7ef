import { CuttingProxy } from '@tradecore/event-sourcing/testing';
import { freshId } from '@tradecore/events';
import { sampleTerms } from '@tradecore/events/testing';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { TestQueryApi } from '../../test/query-api.ts';
import { epochOf as epochIn, StreamClient } from '../../test/stream-client.ts';
import { StreamHttp } from './stream.http.ts';
import { connect, type Socket } from 'node:net';

let api: TestQueryApi;
beforeAll(async () => void (api = await TestQueryApi.start()), 30_000);
afterAll(() => api?.stop());

const open = (accounts: readonly string[], more = {}, at = api): Promise<StreamClient> => StreamClient.open(accounts, more, at);
let orders = 0;
async function place(accountId: string): Promise<string> {
  orders += 1;
  const terms = { symbol: 'ACME', side: 'buy', type: 'market', quantity: '1', timeInForce: 'day' } as const;
  return api.models.place({ accountId, clientOrderId: `order ${orders}`, ...terms });
}
const epochOf = () => epochIn(api);
const from1To = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

describe('a stream of an account that the token does not name', () => {
  it('is open to the owner, even of an account opened a moment ago, and shows money and trades', async () => {
    const subject = freshId();
    const accountId = await api.models.openAccount({ owner: subject });
    const client = await open([], { subject });
    client.say({ type: 'subscribe', accountId, after: { epoch: await epochOf(), sequence: 0 } });
    const orderId = await api.models.flow.place(accountId);
    await api.models.flow.traded(orderId, '4', '101');
    await client.until(() => client.entries().some(({ change }) => change === 'settled'));
    expect(client.entries()).toMatchObject([
      { sequence: 1, change: 'accountOpened' },
      { sequence: 2, change: 'deposit', data: { amount: '10000' } },
      { sequence: 3, change: 'orderPlaced', orderId, orderVersion: 1 },
      { sequence: 4, change: 'orderApproved', orderId, orderVersion: 2 },
      { sequence: 5, change: 'reserved', orderId },
      { sequence: 6, change: 'execution', orderId, data: { quantity: '4', price: '101', symbol: 'ACME', side: 'buy' } },
      { sequence: 7, change: 'orderExecuted', orderId, orderVersion: 3 },
      { sequence: 8, change: 'settled', orderId },
    ]);
    expect(client.entries()[5]).not.toHaveProperty('orderVersion');
    const other = await open([], {});
    other.say({ type: 'subscribe', accountId });
    expect(await other.last('problem')).toMatchObject({ code: 'account-not-found' });
  });

  it('ends with the reason as soon as an operator revokes the access', async () => {
    const subject = freshId();
    const accountId = await api.models.openAccount();
    await api.models.grant(accountId, subject);
    const client = await open([], { subject });
    client.say({ type: 'subscribe', accountId });
    await client.last('subscribed');
    await api.models.revoke(accountId, subject);
    expect(await client.last('unsubscribed')).toEqual({ type: 'unsubscribed', accountId, reason: 'access-ended' });
    const told = client.entries().length;
    await api.models.account(accountId, (account) => account.deposit('1'));
    client.say({ type: 'subscribe', accountId });
    await client.last('problem');
    expect(client.entries()).toHaveLength(told);
  });
});

describe('the stream', () => {
  it('sends new changes, each once, within the poll interval without a hint', async () => {
    const account = freshId();
    await place(account);
    const client = await open([account]);
    client.say({ type: 'subscribe', accountId: account });
    expect(await client.last('subscribed')).toEqual({
      type: 'subscribed',
      accountId: account,
      epoch: await epochOf(),
      sequence: 1,
    });
    const id = await place(account);
    await api.models.requestCancel(account, id, 'no');
    await client.until(() => client.entries().length === 2);
    expect(client.entries()).toEqual([
      expect.objectContaining({ accountId: account, sequence: 2, orderId: id, change: 'orderPlaced', orderVersion: 1 }),
      expect.objectContaining({ accountId: account, sequence: 3, orderId: id, change: 'orderCancelRequested', orderVersion: 2 }),
    ]);
    client.socket.close();
  });

  it('continues after any position without gaps or repeats, while more happens', async () => {
    const account = freshId();
    for (let count = 0; count < 5; count += 1) await place(account);
    const epoch = await epochOf();
    const clients = await Promise.all([0, 2, 5].map(() => open([account])));
    [0, 2, 5].forEach((sequence, index) =>
      clients[index]?.say({ type: 'subscribe', accountId: account, after: { epoch, sequence } }),
    );
    for (let count = 0; count < 5; count += 1) await place(account);
    for (const [index, after] of [0, 2, 5].entries()) {
      const client = clients[index];
      await client?.until(() => client.entries().length === 10 - after);
      expect(client?.entries().map(({ sequence }) => sequence)).toEqual(from1To(10).slice(after));
      client?.socket.close();
    }
  });

  it('reads a long history in slices, in order', async () => {
    const account = freshId();
    await place(account);
    const db = api.models.database.dataSource;
    await db.query(
      `insert into feed_projector.feed_entries (account_id, sequence, event_id, order_id, order_version, change, time, data)
       select $1, n, gen_random_uuid(), gen_random_uuid(), 1, 'orderPlaced', now(), '{}' from generate_series(2, 1000) n`,
      [account],
    );
    await db.query('update feed_projector.feeds set sequence = 1000 where account_id = $1', [account]);
    const client = await open([account]);
    client.say({ type: 'subscribe', accountId: account, after: { epoch: await epochOf(), sequence: 0 } });
    await client.until(() => client.entries().length === 1000);
    expect(client.entries().map(({ sequence }) => sequence)).toEqual(from1To(1000));
    client.socket.close();
  });

  it('sends a resync and continues from there if the requested history is gone', async () => {
    const account = freshId();
    await place(account);
    const epoch = await epochOf();
    const positions = { 'other-epoch': { epoch: freshId(), sequence: 1 }, ahead: { epoch, sequence: 99 } };
    for (const [reason, after] of Object.entries(positions)) {
      const client = await open([account]);
      client.say({ type: 'subscribe', accountId: account, after });
      const resync = await client.last('resync');
      expect(resync).toMatchObject({ accountId: account, epoch, reason });
      const id = await place(account);
      const [entry] = await client.until(() => client.entries().length > 0 && client.entries());
      expect(entry).toMatchObject({ orderId: id, sequence: (resync as { sequence: number }).sequence + 1 });
      client.socket.close();
    }
  });

  it('sends a resync if entries are gone', async () => {
    const account = freshId();
    for (let count = 0; count < 3; count += 1) await place(account);
    await api.models.database.dataSource.query('delete from feed_projector.feed_entries where account_id = $1 and sequence = 2', [
      account,
    ]);
    const client = await open([account]);
    client.say({ type: 'subscribe', accountId: account, after: { epoch: await epochOf(), sequence: 1 } });
    expect(await client.last('resync')).toMatchObject({ reason: 'gone', sequence: 3 });
    client.socket.close();
  });

  it('sends nothing after unsubscribing', async () => {
    const [account, other] = [freshId(), freshId()];
    const client = await open([account, other]);
    for (const accountId of [account, other]) client.say({ type: 'subscribe', accountId });
    client.say({ type: 'unsubscribe', accountId: account });
    await client.last('unsubscribed');
    await place(account);
    await place(other);
    await client.until(() => client.entries().length === 1);
    expect(client.entries()[0]?.accountId).toBe(other);
    client.socket.close();
  });
});

describe('a slow client', () => {
  const told = async (): Promise<number> => {
    const text = await (await fetch(`${api.service.adminUrl}/metrics`)).text();
    return Number(/^tradecore_stream_entries_total (\d+)/m.exec(text)?.[1]);
  };

  it('has a limited buffer, and misses nothing once it reads again', async () => {
    const account = freshId();
    await place(account);
    const db = api.models.database.dataSource;
    const text = 'x'.repeat(4000); // 42 MB in total: more than the kernel buffers for a socket
    await db.query(
      `insert into feed_projector.feed_entries (account_id, sequence, event_id, order_id, order_version, change, time, data)
       select $1, n, gen_random_uuid(), gen_random_uuid(), 1, 'orderPlaced', now(), jsonb_build_object('text', $2::text) from generate_series(2, 10000) n`,
      [account, text],
    );
    await db.query('update feed_projector.feeds set sequence = 10000 where account_id = $1', [account]);
    const client = await open([account]);
    client.socket.pause();
    const before = await told();
    client.say({ type: 'subscribe', accountId: account, after: { epoch: await epochOf(), sequence: 0 } });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect((await told()) - before).toBeLessThan(8000);
    client.socket.resume();
    await client.until(() => client.entries().length === 10_000);
    expect(client.entries().every(({ sequence }, index) => sequence === index + 1)).toBe(true);
    client.socket.close();
  }, 30_000);
});

describe('while PostgreSQL is away', () => {
  it('streams stay open, and miss nothing once it is back', async () => {
    const way = await CuttingProxy.before(process.env['DATABASE_URL'] ?? '');
    const own = await TestQueryApi.start({ LOG_LEVEL: 'fatal' }, (url) => way.urlFor(url));
    const account = freshId();
    const placeOne = () =>
      own.models
        .place({ ...sampleTerms({ accountId: account }), clientOrderId: freshId() })
        .then((id) => own.get(`/v1/orders/${id}`, [account]));
    const client = await open([account], {}, own);
    client.say({ type: 'subscribe', accountId: account });
    await client.last('subscribed');
    expect((await placeOne()).status).toBe(200);
    await client.until(() => client.entries().length === 1);
    way.refusing = true;
    way.breakAll();
    expect((await placeOne()).status).toBe(503);
    way.refusing = false;
    expect((await placeOne()).status).toBe(200);
    await client.until(() => client.entries().length === 3);
    expect(client.heard.map(({ type }) => type)).toEqual(['subscribed', 'entry', 'entry', 'entry']);
    client.socket.close();
    await own.stop();
    await way.close();
  }, 20_000);
});

describe('opening a stream', () => {
  const refused = async (headers: Record<string, string>, path = '/v1/stream') => {
    const socket = new WebSocket(`${api.service.url?.replace('http', 'ws')}${path}`, { headers });
    socket.on('error', () => undefined);
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    return { status: response.statusCode, type: response.headers['content-type'], problem: JSON.parse(body) as { type: string } };
  };

  it('is refused with a problem without a token, with an expired one, and at another path', async () => {
    const expired = await api.bearer([], { expiresIn: -10 });
    expect(await refused({})).toMatchObject({ status: 401, type: 'application/problem+json' });
    expect((await refused({ authorization: expired })).problem.type).toMatch(/expired-token$/);
    expect((await refused({ authorization: await api.bearer([]) }, '/v1/orders')).status).toBe(404);
  });

  it('is limited per subject, even for many at once, as are subscriptions per stream', async () => {
    const own = await TestQueryApi.start({ STREAM_SOCKETS_PER_SUBJECT: '2', STREAM_SUBSCRIPTIONS_PER_SOCKET: '1' });
    const subject = freshId();
    const accounts = [freshId(), freshId()];
    const opening = await Promise.allSettled(Array.from({ length: 8 }, () => open(accounts, { subject }, own)));
    expect(opening.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    expect(opening.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : [])).join()).toMatch('429');
    const other = await open(accounts, {}, own);
    for (const accountId of [accounts[0], accounts[0], accounts[1]]) other.say({ type: 'subscribe', accountId });
    expect(await other.last('problem')).toMatchObject({ code: 'too-many-subscriptions' });
    expect(other.heard.map(({ type }) => type)).toEqual(['subscribed', 'subscribed', 'problem']);
    await own.stop();
  }, 20_000);

  it('lasts until the token expires', async () => {
    const client = await open([], { expiresIn: 1 });
    expect(await client.closed).toBe(4401);
  });
});

describe('bad input on a stream', () => {
  const account = freshId();
  it.each([
    ['invalid JSON', 'nonsense', 'invalid-json', undefined],
    ['another type', { type: 'shout' }, 'invalid-request', '#/type'],
    ['an unknown field', { type: 'subscribe', accountId: account, loud: true }, 'invalid-request', '#/loud'],
    ['an account that is not a UUID', { type: 'subscribe', accountId: 'all' }, 'invalid-request', '#/accountId'],
    [
      'a position before the start',
      { type: 'subscribe', accountId: account, after: { epoch: 'x', sequence: -1 } },
      'invalid-request',
      '#/after/sequence',
    ],
    [
      'U+0000',
      { type: 'subscribe', accountId: account, after: { epoch: '\0', sequence: 1 } },
      'invalid-request',
      '#/after/epoch',
    ],
    ['a foreign account', { type: 'subscribe', accountId: freshId() }, 'account-not-found', '#/accountId'],
  ])('%s is answered with a problem, and the stream continues', async (_, message, code, pointer) => {
    const client = await open([account]);
    client.say(message);
    expect(await client.last('problem')).toMatchObject({
      code,
      ...(pointer && { errors: [expect.objectContaining({ pointer })] }),
    });
    client.say({ type: 'subscribe', accountId: account });
    await client.last('subscribed');
    client.socket.close();
  });

  it('a position that no database has is a resync, never an error', async () => {
    const client = await open([account]);
    client.say({
      type: 'subscribe',
      accountId: account,
      after: { epoch: "'; drop table x --", sequence: Number.MAX_SAFE_INTEGER },
    });
    expect(await client.last('resync')).toMatchObject({ reason: 'other-epoch' });
    client.socket.close();
  });

  it('more than 16 KiB closes the stream', async () => {
    const client = await open([]);
    client.say('x'.repeat(16 * 1024 + 1));
    expect(await client.closed).toBe(1009);
  });

  it('a flood closes the stream', async () => {
    const client = await open([]);
    for (let count = 0; count < 101; count += 1) client.say('{}');
    expect(await client.closed).toBe(4429);
  });
});

describe('besides the stream', () => {
  it('a client that offers HTTP/2 in an Upgrade header is still answered', async () => {
    const asked = request(`${api.service.url}/openapi.json`, {
      headers: { connection: 'upgrade, http2-settings', upgrade: 'h2c', 'http2-settings': '' },
    });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.resume();
  });

  it('the documents are public', async () => {
    const docs = await fetch(`${api.service.url}/docs`);
    expect([docs.status, docs.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(await (await fetch(`${api.service.url}/openapi.json`)).json()).toMatchObject({ openapi: '3.1.1' });
    expect(await (await fetch(`${api.service.url}/asyncapi.json`)).json()).toMatchObject({ asyncapi: '3.0.0' });
  });
});

describe('a stop', () => {
  /** A raw upgrade; the test decides what is sent after it. */
  async function upgrade(at: TestQueryApi, authorization = ''): Promise<Socket> {
    const { port } = new URL(at.service.url ?? '');
    const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
    const key = Buffer.from('sixteen bytes...').toString('base64');
    const lines = [
      'GET /v1/stream HTTP/1.1',
      'host: x',
      'connection: upgrade',
      'upgrade: websocket',
      `sec-websocket-key: ${key}`,
    ];
    socket.on('error', () => undefined);
    socket.write(`${[...lines, 'sec-websocket-version: 13', `authorization: ${authorization}`].join('\r\n')}\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(String(answer)).toMatch(authorization === '' ? /^HTTP\/1.1 401/ : /^HTTP\/1.1 101/);
    return socket;
  }

  it('tells every client to reconnect, and is not blocked by sockets that error or stay open after a refusal', async () => {
    const own = await TestQueryApi.start();
    const client = await open([freshId()], {}, own);
    const broken = await upgrade(own, await own.bearer([]));
    broken.on('data', () => broken.write(Buffer.from([0xff, 0xff, 0xff, 0xff]))); // not a frame
    const refused = await upgrade(own);
    const started = performance.now();
    await own.service.app.get(StreamHttp, { strict: false }).beforeApplicationShutdown(); // Nest logs what a hook throws, and continues
    await own.stop();
    expect(performance.now() - started).toBeLessThan(5000);
    expect(await client.closed).toBe(1012);
    for (const socket of [broken, refused]) socket.destroy();
  }, 20_000);

  it('works after a start without Redis: the stream polls', async () => {
    const own = await TestQueryApi.start({ REDIS_URL: 'redis://127.0.0.1:9' });
    const account = freshId();
    const client = await open([account], {}, own);
    client.say({ type: 'subscribe', accountId: account });
    await client.last('subscribed');
    await own.models.place({ ...sampleTerms({ accountId: account }), clientOrderId: 'x' });
    await client.until(() => client.entries().length === 1);
    await own.stop();
  }, 20_000);
});
