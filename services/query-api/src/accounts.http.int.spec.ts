import type { AccountPageResponse, AccountResponse } from '@tradecore/api';
import { publishMarket, sampleQuote } from '@tradecore/market-data/testing';
import { freshId, topics, tradingControlIdFor, WrittenText } from '@tradecore/events';
import { createTestKafka, type TestKafka } from '@tradecore/messaging/testing';
import { Account, TradingControl } from '@tradecore/trading';
import { extendContext } from '@tradecore/telemetry';
import { problemOf, TestQueryApi } from '../test/query-api.ts';

let api: TestQueryApi;
let kafka: TestKafka;
beforeAll(async () => {
  kafka = await createTestKafka({ declarations: [topics.marketData] });
  api = await TestQueryApi.start({ NAMESPACE: kafka.namespace });
}, 30_000);
afterAll(async () => {
  await api?.stop();
  await kafka?.drop();
});

const json = async <T>(response: Response): Promise<T> => (await response.json()) as T;
/** An order for ten shares, of which four have traded. */
async function buy(accountId: string): Promise<string> {
  const orderId = await api.models.flow.place(accountId, { limitPrice: '100' });
  await api.models.flow.accepted(orderId);
  await api.models.flow.traded(orderId, '4', '100');
  return orderId;
}

/** Stores a deposit but leaves the read model behind. */
async function depositUnseen(accountId: string): Promise<void> {
  const account = await api.models.store.loadAggregate(Account, accountId);
  account.deposit('5');
  await extendContext({ correlationId: freshId(), account: accountId }, () => api.models.store.saveAggregate(account));
}

describe('an account', () => {
  it('has its money and reservations, and its version as ETag', async () => {
    const id = await api.models.openAccount();
    const orderId = await buy(id);
    const response = await api.get(`/v1/accounts/${id}`, [id]);
    expect(await json<AccountResponse>(response)).toEqual({
      id,
      owner: 'tester',
      currency: 'USD',
      cash: '9599.8',
      reserved: '600.3',
      buyingPower: '8999.5',
      reservations: [{ orderId, symbol: 'ACME', side: 'buy', quantity: '6', unitPrice: '100', amount: '600.3' }],
      version: 4,
    });
    expect(response.headers.get('etag')).toBe(api.tag(4));
    expect((await api.get(`/v1/accounts/${id}`, [id], { 'if-none-match': api.tag(4) })).status).toBe(304);
  });

  it('shows its holdings, valued at the last price as soon as there is one', async () => {
    const id = await api.models.openAccount();
    await buy(id);
    const valued = async () => {
      const { positions } = await json<{ positions: { unrealised?: string }[] }>(
        await api.get(`/v1/accounts/${id}/positions`, [id]),
      );
      return positions;
    };
    expect(await valued()).toMatchObject([{ symbol: 'ACME', quantity: '4', averageCost: '100.05', cost: '400.2' }]);
    await publishMarket(kafka.kafka, sampleQuote({ symbol: 'ACME', lastPrice: '110' }));
    for (;;) {
      const [position] = await valued();
      if (position?.unrealised === undefined) continue;
      expect(position).toMatchObject({ lastPrice: '110', marketValue: '440', unrealised: '39.8' });
      break;
    }
  });

  it('shows its ledger and its trades, newest first, in pages', async () => {
    const id = await api.models.openAccount();
    for (let n = 0; n < 3; n += 1) await buy(id);
    const page = async (path: string) =>
      json<{ nextCursor?: string; activities?: { kind: string }[]; executions?: { version: number }[] }>(
        await api.get(path, [id]),
      );
    const kinds: string[] = [];
    let cursor: string | undefined;
    do {
      const { activities = [], nextCursor } = await page(
        `/v1/accounts/${id}/activities?limit=3${cursor === undefined ? '' : `&cursor=${cursor}`}`,
      );
      kinds.push(...activities.map(({ kind }) => kind));
      cursor = nextCursor;
    } while (cursor !== undefined);
    expect(kinds).toEqual([...Array<string[]>(3).fill(['fill', 'reservation']).flat(), 'deposit', 'opened']);
    const first = await page(`/v1/accounts/${id}/executions?limit=2`);
    const second = await page(`/v1/accounts/${id}/executions?limit=2&cursor=${first.nextCursor}`);
    expect([first, second].flatMap(({ executions = [] }) => executions.map(({ version }) => version))).toEqual([8, 6, 4]);
    expect(second.nextCursor).toBeUndefined();
  });
});

describe("a caller's accounts", () => {
  const listed = async (accounts: readonly string[], subject: string, query = '') =>
    json<AccountPageResponse>(await api.get(`/v1/accounts${query}`, accounts, { subject }));

  it('are those that the token names, that the caller owns, and that it was granted', async () => {
    const subject = freshId();
    const [named, owned, granted] = [
      await api.models.openAccount(),
      await api.models.openAccount({ owner: subject }),
      await api.models.openAccount(),
    ];
    await api.models.openAccount();
    await api.models.grant(granted, subject);
    const { accounts } = await listed([named, freshId()], subject);
    expect(accounts.map(({ id }) => id)).toEqual([named, owned, granted].toSorted());
    for (const id of [named, owned, granted])
      expect((await api.get(`/v1/accounts/${id}`, [named], { subject })).status).toBe(200);
    await api.models.revoke(granted, subject);
    expect((await api.get(`/v1/accounts/${granted}`, [named], { subject })).status).toBe(404);
  });

  it('are listed in pages', async () => {
    const subject = freshId();
    const ids = [];
    for (let n = 0; n < 3; n += 1) ids.push(await api.models.openAccount({ owner: subject }));
    const first = await listed([], subject, '?limit=2');
    const second = await listed([], subject, `?limit=2&cursor=${first.nextCursor}`);
    expect([...first.accounts, ...second.accounts].map(({ id }) => id)).toEqual(ids.toSorted());
    expect(second.nextCursor).toBeUndefined();
  });

  it('include one opened a moment ago when the read has the token of that write', async () => {
    const [subject, id] = [freshId(), freshId()];
    const account = new Account(id);
    account.open({ owner: await api.models.person(subject), currency: 'USD' });
    await extendContext({ correlationId: freshId(), account: id }, () => api.models.store.saveAggregate(account));
    const token = api.token({ aggregateId: id, version: 1 });
    const reading = api.get(`/v1/accounts/${id}`, [], { subject, 'consistency-token': token });
    const listing = api.get('/v1/accounts', [], { subject, 'consistency-token': token });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await api.models.account(id, (opened) => opened.deposit('1'));
    expect(await json<AccountResponse>(await reading)).toMatchObject({ id, owner: subject });
    expect((await json<AccountPageResponse>(await listing)).accounts.map((each) => each.id)).toEqual([id]);
  });
});

describe('a foreign account', () => {
  it.each(['', '/positions', '/activities', '/executions'])(
    'is answered at /v1/accounts/{id}%s like one that does not exist',
    async (path) => {
      const [foreign, mine] = [await api.models.openAccount({ owner: 'somebody' }), freshId()];
      const answers = [
        await problemOf(await api.get(`/v1/accounts/${foreign}${path}`, [mine], { subject: 'other' })),
        await problemOf(await api.get(`/v1/accounts/${freshId()}${path}`, [mine], { subject: 'other' })),
      ].map(({ traceId: _, instance: __, ...rest }) => rest);
      expect(answers[0]).toEqual(answers[1]);
      expect(answers[0]).toMatchObject({ status: 404, code: 'account-not-found', errors: [{ pointer: '#/id', in: 'path' }] });
    },
  );

  it('is not listed, and its token is refused without revealing anything', async () => {
    const foreign = await api.models.openAccount({ owner: 'somebody' });
    const { accounts } = await json<AccountPageResponse>(await api.get('/v1/accounts', [], { subject: 'other' }));
    expect(accounts.map(({ id }) => id)).not.toContain(foreign);
    await depositUnseen(foreign);
    for (const version of [1, 2, 3, 4]) {
      const token = api.token({ aggregateId: foreign, version });
      const response = await api.get('/v1/accounts', [], { subject: 'other', 'consistency-token': token });
      expect(await problemOf(response)).toMatchObject({ status: 400, code: 'unknown-consistency-token' });
    }
  });
});

describe('a read with the token of a deposit', () => {
  it.each(['', '/positions', '/activities', '/executions'])(
    'waits at /v1/accounts/{id}%s until the model shows it',
    async (path) => {
      const id = await api.models.openAccount();
      await depositUnseen(id);
      const token = api.token({ aggregateId: id, version: 3 });
      const reading = api.get(`/v1/accounts/${id}${path}`, [id], { 'consistency-token': token });
      await api.models.account(id, (account) => account.deposit('1'));
      expect((await reading).status).toBe(200);
    },
  );

  it('waits at most 2 s, then reports how far the model is behind', async () => {
    const id = await api.models.openAccount();
    await depositUnseen(id);
    const token = api.token({ aggregateId: id, version: 3 });
    const behind = await api.get(`/v1/accounts/${id}`, [id], { 'consistency-token': token });
    expect(await problemOf(behind)).toMatchObject({ status: 503, code: 'read-model-behind', shownVersion: 2, writtenVersion: 3 });
  });

  it('does not wait if the model does not follow what the token names', async () => {
    const id = await api.models.openAccount();
    await depositUnseen(id);
    const token = api.token({ aggregateId: id, version: 3 });
    expect((await api.get(`/v1/orders?accountId=${id}`, [id], { 'consistency-token': token })).status).toBe(200);
  });
});

it("the token of an operator's kill switch is accepted only from operators", async () => {
  const id = tradingControlIdFor(freshId());
  const control = new TradingControl(id);
  control.halt('all', new WrittenText('storm'));
  await extendContext({ correlationId: freshId() }, () => api.models.store.saveAggregate(control));
  const token = api.token({ aggregateId: id, version: 1 });
  const statusFor = async (role: string) => {
    const headers = { authorization: await api.bearer([], { role }), 'consistency-token': token };
    return (await fetch(`${api.service.url}/v1/accounts`, { headers })).status;
  };
  expect([await statusFor('operator'), await statusFor('client')]).toEqual([200, 400]);
});

describe('bad input', () => {
  const id = freshId();
  it.each([
    ['an id that is not a UUID', '/v1/accounts/42', '#/id'],
    ['an unknown query parameter', `/v1/accounts/${id}?verbose=1`, '#/verbose'],
    ['a query for positions', `/v1/accounts/${id}/positions?symbol=ACME`, '#/symbol'],
    ['a limit of 0', `/v1/accounts/${id}/activities?limit=0`, '#/limit'],
    ['a limit of 501', `/v1/accounts/${id}/executions?limit=501`, '#/limit'],
    ['a limit in words', '/v1/accounts?limit=many', '#/limit'],
    ['a cursor of another list', `/v1/accounts?cursor=${Buffer.from('version 3').toString('base64url')}`, '#/cursor'],
    [
      'a cursor of accounts',
      `/v1/accounts/${id}/activities?cursor=${Buffer.from(`account ${id}`).toString('base64url')}`,
      '#/cursor',
    ],
    ['an unknown status', `/v1/orders?accountId=${id}&status=open`, '#/status'],
    ['an invalid symbol', `/v1/orders?accountId=${id}&symbol=acme`, '#/symbol'],
    ['a query for a timeline', `/v1/orders/${id}/timeline?asOf=1`, '#/asOf'],
  ])('%s is refused with its pointer', async (_, path, pointer) => {
    const problem = await problemOf(await api.get(path, [id]));
    expect(problem).toMatchObject({ status: 400, code: 'invalid-request' });
    expect(problem.errors).toContainEqual(expect.objectContaining({ pointer }));
  });
});
