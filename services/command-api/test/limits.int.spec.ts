import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { freshId } from '@tradecore/events';
import { expectProblem } from './expect-problem.ts';
import { RunningCommandApi, type Answer } from './running-command-api.ts';

const limits = {
  ...{ LIMIT_ORDERS: '1/3', LIMIT_CANCELS: '1/1', LIMIT_WRITES: '500/500' },
  ...{ LIMIT_OPEN_ORDERS: '4', LIMIT_REVISIONS: '1', LIMIT_ACCOUNTS: '2', LIMIT_BODY: '2048', LIMIT_DEPTH: '3' },
};
const plenty = { LIMIT_ORDERS: '1000/1000' };

let api: RunningCommandApi;
/** The same without a rate limit. */
let fast: RunningCommandApi;

beforeAll(async () => {
  api = await RunningCommandApi.start(limits);
  fast = await RunningCommandApi.beside(api.around, { ...limits, ...plenty });
});
afterAll(async () => {
  await fast.stopService();
  await api.stop();
});

/** A client, with money, of the service without a rate limit. */
async function newClient(): Promise<RunningCommandApi> {
  const { account, bearerText } = await api.newClient();
  const client = fast.as(account, bearerText);
  await client.deposit('1000000');
  return client;
}

const place = (client: RunningCommandApi): Promise<Answer> => client.post('/v1/orders', client.terms());
const statuses = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status).toSorted();
const several = <T>(count: number, work: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, work));

describe('the rate of orders', () => {
  it('is limited per subject, with a burst: 429 says when to retry, and others continue', async () => {
    const [one, other] = [await api.newClient(), await api.newClient()];
    const answers = await several(20, () => place(one));
    expect(statuses(answers).slice(0, 3)).toEqual([422, 422, 422]);
    const refused = answers.find(({ status }) => status === 429)!;
    expectProblem(refused, 429, 'too-many-requests');
    expect(refused.body).toMatchObject({ of: 'subject', class: 'orders', perSecond: 1, atOnce: 3 });
    const header = (name: string) => refused.headers.get(name);
    expect(header('retry-after')).toMatch(/^[1-9]\d*$/);
    expect([header('ratelimit-limit'), header('ratelimit-remaining'), header('ratelimit-reset')]).toEqual([
      ...['1', '0'],
      header('retry-after'),
    ]);
    expect((await place(other)).status).toBe(422);
  });

  it('counts what is forbidden as well', async () => {
    const reader = await api.newClient();
    const forbidden = reader.as(reader.account, await api.bearer([reader.account], { subject: freshId(), scope: 'read' }));
    const answers = statuses(await several(20, () => place(forbidden)));
    expect([answers[0], answers.at(-1)]).toEqual([403, 429]);
  });

  it('is limited per account too, whoever uses it; a stranger who names it does not count', async () => {
    const owner = await api.newClient();
    const users = await several(20, async () =>
      owner.as(owner.account, await api.bearer([owner.account], { subject: freshId() })),
    );
    const stranger = owner.as(owner.account, await api.bearer([], { subject: freshId() }));
    expect(statuses(await several(3, () => place(stranger)))).toEqual([404, 404, 404]);
    const answers = await Promise.all(users.map(place));
    expect(statuses(answers).slice(0, 3)).toEqual([422, 422, 422]);
    expect(answers.find(({ status }) => status === 429)?.body).toMatchObject({ of: 'account' });
  });

  it('is shared by all processes: Redis counts', async () => {
    const second = await RunningCommandApi.beside(api.around, { ...limits, ...plenty });
    const left = async (process: RunningCommandApi, { account, bearerText }: RunningCommandApi): Promise<number> =>
      Number((await place(process.as(account, bearerText))).headers.get('ratelimit-remaining'));
    // The client's first request to each process; a new second may start between the two.
    let [here, there] = [0, 0];
    for (let tries = 0; tries < 10 && there >= here; tries += 1) {
      const client = await api.newClient();
      [here, there] = [await left(fast, client), await left(second, client)];
    }
    expect([here, there]).toEqual([999, 998]);
    await second.stopService();
  });

  it('does not limit cancels and the kill switch', async () => {
    const client = await newClient();
    const id = await client.working();
    const operator = await api.bearer([], { subject: freshId(), role: 'operator' });
    const halt = { scope: client.account, trading: 'halted', reason: 'too fast' };
    const slowed = api.as(client.account, client.bearerText);
    const cancels = await several(5, () => slowed.post(`/v1/orders/${id}/cancel`));
    expect(statuses(cancels)).toEqual([202, 409, 409, 409, 409]);
    const halts = await several(3, () => slowed.post('/v1/admin/kill-switch', halt, { authorization: operator }));
    expect(statuses(halts)).toEqual([200, 200, 200]);
    const metrics = await (await fetch(`${api.adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/tradecore_rate_limited_total\{class="cancels",of="subject"\} [1-9]/);
    expect(metrics).toMatch(/tradecore_rate_limited_total\{class="cancels",of="account"\} [1-9]/);
  });
});

describe('while Redis is away or slow', () => {
  it.each(['refuses', 'accepts and never answers'])('and %s, each process counts for itself', async (how) => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    if (how === 'refuses') silent.close();
    const alone = await RunningCommandApi.beside(api.around, { ...limits, REDIS_URL: `redis://127.0.0.1:${port}` });
    const { account, bearerText } = await api.newClient();
    const client = alone.as(account, bearerText);
    const answers = statuses(await several(20, () => place(client)));
    expect([answers.slice(0, 3), answers.at(-1)]).toEqual([[422, 422, 422], 429]);
    await alone.stopService();
    silent.close();
  });

  it('slower than 100 ms, an order waits once a second for that long', async () => {
    const { hostname, port } = new URL(process.env['REDIS_URL'] ?? '');
    const way = createServer((client) => {
      const server = connect(Number(port), hostname);
      client.on('error', () => server.destroy()).on('data', (data) => setTimeout(() => server.write(data), sluggish ? 2000 : 0));
      client.on('close', () => server.destroy());
      server.on('error', () => client.destroy()).pipe(client);
    }).listen(0, '127.0.0.1');
    let sluggish = false;
    await once(way, 'listening');
    const address = way.address() as { port: number };
    const alone = await RunningCommandApi.beside(api.around, {
      ...limits,
      ...plenty,
      REDIS_URL: `redis://127.0.0.1:${address.port}`,
    });
    const { account, bearerText } = await api.newClient();
    const client = alone.as(account, bearerText);
    await place(client);
    sluggish = true;
    const started = performance.now();
    for (let n = 0; n < 5; n += 1) expect((await place(client)).status).toBe(422);
    expect(performance.now() - started).toBeLessThan(2000);
    await alone.stopService();
    way.close();
  });
});

describe('the limit per client', () => {
  it('applies to open orders of an account, even when sent together; an ended order makes room', async () => {
    const client = await newClient();
    const answers = await several(6, () => place(client));
    expect(statuses(answers)).toEqual([201, 201, 201, 201, 409, 409]);
    const refused = answers.find(({ status }) => status === 409)!;
    expectProblem(refused, 409, 'too-many-open-orders');
    expect(refused.body).toMatchObject({ openOrders: 4, limit: 4 });
    const open = answers.find(({ status }) => status === 201)!.body['id'] as string;
    await client.brokerage(open, { says: 'rejected', code: '1', reason: 'no' });
    expect((await place(client)).status).toBe(201);
  });

  it('applies to revisions of an order', async () => {
    const client = await newClient();
    const id = await client.working();
    const stored = await api.stored();
    const answer = await client.post(`/v1/orders/${id}/replace`, { limitPrice: '100.5' });
    expectProblem(answer, 409, 'too-many-revisions');
    expect(await api.stored()).toBe(stored);
  });

  it('applies to accounts of a subject, even when sent together; a repeat does not count', async () => {
    const authorization = await api.bearer([], { subject: freshId() });
    const open = (key: string) => fast.post('/v1/accounts', {}, { authorization, headers: { 'idempotency-key': key } });
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map(open));
    expect(statuses(answers)).toEqual([201, 201, 409, 409]);
    expectProblem(
      answers.find(({ status }) => status === 409)!,
      409,
      'too-many-accounts',
    );
    const known = ['a', 'b', 'c', 'd'][answers.findIndex(({ status }) => status === 201)]!;
    expect((await open(known)).status).toBe(200);
  });
});

describe('a body', () => {
  it.each<[string, string, number, string]>([
    ['of more bytes', ' '.repeat(2049), 413, 'body-too-large'],
    ['nested deeper', '{"a":[[[]]]}', 400, 'invalid-request'],
    ['nested as deep as possible', '['.repeat(2000), 400, 'invalid-request'],
    ['nested in a string alone', '{"a":"[[[[\\"[[[["}', 400, 'invalid-request'],
  ])('%s is refused', async (name, body, status, code) => {
    const answer = await fast.post('/v1/accounts', body, { authorization: api.bearerText });
    expectProblem(answer, status, code);
    const [fault] = answer.body['errors'] as { code: string }[];
    expect([name, fault?.code === 'too-deep']).toEqual([name, name.startsWith('nested') && !name.endsWith('alone')]);
  });
});
