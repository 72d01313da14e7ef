import { accountIdFor, freshId } from '@tradecore/events';
import { accountResponse, decodeConsistencyToken, grantsResponse, movementResponse } from '@tradecore/api';
import { RunningCommandApi, type Answer } from './running-command-api.ts';

let api: RunningCommandApi;
beforeAll(async () => (api = await RunningCommandApi.start()));
afterAll(() => api.stop());

const newClient = (subject?: string) => api.newClient(subject);

const move = (
  client: RunningCommandApi,
  kind: 'deposits' | 'withdrawals',
  body: object,
  key: string = freshId(),
): Promise<Answer> =>
  kind === 'deposits'
    ? client.payIn(body, key)
    : client.post(`/v1/accounts/${client.account}/${kind}`, body, { headers: { 'idempotency-key': key } });

const eventsOf = (id: string) =>
  api.database.dataSource.query<{ type: string; actor: string; data: Record<string, unknown> }[]>(
    `select event_type as type, metadata->>'actor' as actor, event_data as data from event_store
      where aggregate_id = $1 order by aggregate_version`,
    [id],
  );

describe('POST /v1/accounts', () => {
  it('opens an account for the caller: 201, and the account with nothing in it', async () => {
    const authorization = await api.bearer([], { subject: 'alice' });
    const headers = { 'idempotency-key': 'key-1' };
    const { status, headers: sent, body } = await api.post('/v1/accounts', { name: 'Savings' }, { authorization, headers });
    const alice = (await api.personOf('alice')) ?? '';
    const id = accountIdFor(alice, 'key-1');
    expect(status).toBe(201);
    expect(accountResponse.parse(body)).toEqual({
      id,
      owner: 'alice',
      name: 'Savings',
      currency: 'USD',
      cash: '0',
      reserved: '0',
      buyingPower: '0',
      reservations: [],
      version: 1,
    });
    expect([sent.get('location'), sent.get('etag')]).toEqual([`/v1/accounts/${id}`, api.tag(1)]);
    expect(decodeConsistencyToken(sent.get('consistency-token') ?? '')).toEqual({
      epoch: api.epoch,
      aggregateId: id,
      version: 1,
    });
    expect(await eventsOf(id)).toMatchObject([{ type: 'AccountOpened', actor: alice, data: { owner: alice, currency: 'USD' } }]);
  });

  it('needs no body', async () => {
    const authorization = await api.bearer([], { subject: 'bare' });
    const answer = await api.post('/v1/accounts', undefined, { authorization, headers: { 'idempotency-key': 'k' } });
    expect([answer.status, answer.body['currency']]).toEqual([201, 'USD']);
  });

  it('is one account for one key of one caller, as it stands now; another caller’s same key is another', async () => {
    const client = await newClient('bob');
    await move(client, 'deposits', { amount: '5' });
    const again = await client.post('/v1/accounts', { currency: 'USD' }, { headers: { 'idempotency-key': 'first' } });
    expect([again.status, again.body]).toMatchObject([200, { id: client.account, cash: '5', version: 2 }]);
    expect((await newClient('carol')).account).not.toBe(client.account);
  });

  it('tells what differs when the key comes with other terms: 422', async () => {
    const client = await newClient();
    const other = await client.post('/v1/accounts', { name: 'x' }, { headers: { 'idempotency-key': 'first' } });
    expect([other.status, other.body]).toMatchObject([
      422,
      { type: 'https://tradecore.dev/problems/idempotency-key-reused', errors: [{ pointer: '#/name', code: 'differs' }] },
    ]);
  });

  it('opens one account when it is sent 10 times at once', async () => {
    const authorization = await api.bearer([], { subject: freshId() });
    const sent = { authorization, headers: { 'idempotency-key': 'same' } };
    const answers = await Promise.all(Array.from({ length: 10 }, () => api.post('/v1/accounts', {}, sent)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(9).fill(200), 201]);
    expect(await eventsOf(answers[0]?.body['id'] as string)).toHaveLength(1);
  });
});

describe('deposits and withdrawals', () => {
  it('are answered 201 with the movement, which the account then shows', async () => {
    const client = await newClient();
    const { status, headers, body } = await move(client, 'deposits', { amount: '0100.50', reference: 'salary' });
    expect([status, headers.get('etag')]).toEqual([201, api.tag(2)]);
    expect(movementResponse.parse(body)).toMatchObject({
      accountId: client.account,
      kind: 'deposit',
      amount: '100.5',
      currency: 'USD',
      reference: 'salary',
      version: 2,
    });
    expect(decodeConsistencyToken(headers.get('consistency-token') ?? '')).toEqual({
      ...{ epoch: api.epoch, aggregateId: client.account, version: 2 },
    });
    const out = await move(client, 'withdrawals', { amount: '100.5' });
    expect([out.status, out.body]).toMatchObject([201, { kind: 'withdrawal', amount: '100.5', version: 3 }]);
    expect(await eventsOf(client.account)).toMatchObject([
      { type: 'AccountOpened' },
      { type: 'FundsDeposited', data: { amount: '100.5', reference: { ref: expect.any(String) as string } } },
      { type: 'FundsWithdrawn', data: { amount: '100.5' } },
    ]);
  });

  it('of more than is available are refused with the figures: 422, and nothing is stored', async () => {
    const client = await newClient();
    await move(client, 'deposits', { amount: '10' });
    const { status, body } = await move(client, 'withdrawals', { amount: '10.01' });
    expect([status, body]).toMatchObject([
      422,
      {
        type: 'https://tradecore.dev/problems/insufficient-funds',
        needed: '10.01',
        available: '10',
        errors: [{ pointer: '#/amount', code: 'insufficient-funds' }],
      },
    ]);
    expect(await eventsOf(client.account)).toHaveLength(2);
  });

  it('are one for one key: the same answer again with 200, even when the money is gone; another body is 422', async () => {
    const client = await newClient();
    const first = await move(client, 'deposits', { amount: '10' }, 'in');
    expect(await move(client, 'deposits', { amount: '10.00' }, 'in')).toMatchObject({ status: 200, body: first.body });
    const out = await move(client, 'withdrawals', { amount: '10' }, 'out');
    const again = await move(client, 'withdrawals', { amount: '10' }, 'out');
    expect([again.status, again.body]).toEqual([200, out.body]);
    const reused = await move(client, 'withdrawals', { amount: '9', reference: 'x' }, 'out');
    expect([reused.status, reused.body]).toMatchObject([
      422,
      { type: 'https://tradecore.dev/problems/idempotency-key-reused', differingFields: ['amount', 'reference'] },
    ]);
    expect(await eventsOf(client.account)).toHaveLength(3);
  });

  it('keep the text that was written once, for its person; forgotten, it is still the same request', async () => {
    const client = await newClient('writer');
    const texts = () =>
      api.database.dataSource.query<{ text: string }[]>(
        'select text from texts where person = (select person from people where subject = $1) order by ref',
        ['writer'],
      );
    const open = (name: string) => client.post('/v1/accounts', { name }, { headers: { 'idempotency-key': 'named' } });
    const out = (reference: string) => move(client, 'withdrawals', { amount: '1', reference }, 'written');
    await move(client, 'deposits', { amount: '10' });
    const first = [await open('For Eve'), await out('rent')];
    const again = [await open('For Eve'), await out('rent')];
    expect(again.map(({ status, body }) => [status, body])).toEqual(first.map(({ body }) => [200, body]));
    expect([(await open('For Bob')).status, (await out('food')).status]).toEqual([422, 422]);
    expect(await texts()).toEqual([{ text: 'For Eve' }, { text: 'rent' }]);
    await api.database.dataSource.query('delete from texts');
    expect([(await open('For Eve')).status, (await out('rent')).status]).toEqual([200, 200]);
  });

  it('sent 10 times at once under one key move once, under 10 keys 10 times', async () => {
    const client = await newClient();
    const statuses = async (key: () => string) =>
      (await Promise.all(Array.from({ length: 10 }, () => move(client, 'deposits', { amount: '1' }, key()))))
        .map(({ status }) => status)
        .sort();
    expect(await statuses(() => 'one')).toEqual([...Array<number>(9).fill(200), 201]);
    expect(await statuses(freshId)).toEqual(Array<number>(10).fill(201));
    expect(await eventsOf(client.account)).toHaveLength(12);
  });

  it('never take out more than there is, however many are sent at once', async () => {
    const client = await newClient();
    await move(client, 'deposits', { amount: '5' });
    const asked = Array.from({ length: 10 }, () => move(client, 'withdrawals', { amount: '1' }));
    const statuses = (await Promise.all(asked)).map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array<number>(5).fill(201), ...Array<number>(5).fill(422)]);
  });

  it('need the role of an operator or the treasury to come in, and the scope `transfer` to go out', async () => {
    const client = await newClient('rich');
    const path = (kind: string) => `/v1/accounts/${client.account}/${kind}`;
    const send = (kind: string, authorization: string) =>
      client.post(path(kind), { amount: '1' }, { authorization, headers: { 'idempotency-key': freshId() } });
    const token = (claims: object) => api.bearer([], { subject: 'rich', ...claims });
    expect((await send('deposits', client.bearerText)).body['type']).toMatch(/operators-only$/);
    const statuses = [
      await send('deposits', await token({ role: 'operator' })),
      await send('deposits', await token({ role: 'treasury', scope: '' })),
      await send('withdrawals', await token({})),
      await send('withdrawals', await token({ scope: 'read trade' })),
      await send('withdrawals', await token({ scope: 'openid transfer' })),
    ].map(({ status }) => status);
    expect(statuses).toEqual([201, 201, 403, 403, 201]);
  });

  it('under one key of two subjects are two', async () => {
    const client = await newClient();
    const pay = async (subject: string, amount: string) => {
      const authorization = await api.bearer([], { subject, role: 'treasury' });
      const sending = { authorization, headers: { 'idempotency-key': 'same' } };
      return (await client.post(`/v1/accounts/${client.account}/deposits`, { amount }, sending)).status;
    };
    expect([await pay('one', '1'), await pay('other', '2'), await pay('other', '2')]).toEqual([201, 201, 200]);
  });

  it('of an account that was never opened are refused with 404, though the token names it', async () => {
    const named = freshId();
    const authorization = await api.bearer([named], { scope: 'transfer' });
    const client = api.as(named, authorization);
    for (const answer of [await move(client, 'deposits', { amount: '1' }), await move(client, 'withdrawals', { amount: '1' })]) {
      expect([answer.status, answer.body['type']]).toEqual([404, 'https://tradecore.dev/problems/account-not-found']);
    }
  });
});

describe('who may use an account', () => {
  const grants = (account: string) => `/v1/accounts/${account}/grants`;
  let operator: string;
  beforeAll(async () => (operator = await api.bearer([], { subject: 'op', role: 'operator' })));

  it('is its owner, whoever the token names it to, and whoever an operator lets in, until that is taken back', async () => {
    const client = await newClient('owner');
    const friend = api.as(client.account, await api.bearer([], { subject: 'friend', scope: 'read trade transfer' }));
    await client.deposit('2000');
    expect((await move(friend, 'withdrawals', { amount: '1' })).status).toBe(404);
    const grant = (...scopes: string[]) =>
      api.post(grants(client.account), { subject: 'friend', scopes }, { authorization: operator });
    const granted = await grant('trade');
    expect([granted.status, grantsResponse.parse(granted.body)]).toEqual([
      201,
      { accountId: client.account, owner: 'owner', subjects: [{ subject: 'friend', scopes: ['read', 'trade'] }], version: 3 },
    ]);
    const lacking = await move(friend, 'withdrawals', { amount: '1' });
    expect([lacking.status, lacking.headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer error="insufficient_scope", scope="transfer"',
    ]);
    expect((await grant('trade', 'transfer')).status).toBe(201);
    expect((await move(friend, 'withdrawals', { amount: '1' })).status).toBe(201);
    const order = await friend.post('/v1/orders', friend.terms());
    expect(order.status).toBe(201);
    expect((await client.post(`/v1/orders/${String(order.body['id'])}/cancel`)).status).toBe(202);
    const revoked = await api.post(`${grants(client.account)}/friend`, undefined, { authorization: operator, method: 'DELETE' });
    expect([revoked.status, revoked.body['subjects']]).toEqual([200, []]);
    expect((await move(friend, 'withdrawals', { amount: '1' })).status).toBe(404);
    expect((await friend.post(`/v1/orders/${String(order.body['id'])}/cancel`)).status).toBe(404);
    const events = await eventsOf(client.account);
    const [op, person] = [await api.personOf('op'), await api.personOf('friend')];
    expect(events.filter(({ type }) => type.startsWith('AccountAccess'))).toMatchObject([
      { type: 'AccountAccessGranted', actor: op, data: { person, scopes: ['read', 'trade'] } },
      { type: 'AccountAccessGranted', actor: op, data: { person, scopes: ['read', 'trade', 'transfer'] } },
      { type: 'AccountAccessRevoked', actor: op, data: { person } },
    ]);
  });

  it('stands in no event by the subject of its token, nor does whoever let it in', async () => {
    const [owner, friend, op] = [1, 2, 3].map((n) => `idp|person-${n}`) as [string, string, string];
    const client = await newClient(owner);
    const authorization = await api.bearer([], { subject: op, role: 'operator' });
    await client.post(`${grants(client.account)}`, { subject: friend }, { authorization });
    await client.post(
      `/v1/accounts/${client.account}/deposits`,
      { amount: '2000' },
      { authorization, headers: { 'idempotency-key': 'a' } },
    );
    expect((await client.post('/v1/orders', client.terms())).status).toBe(201);
    const stored = await api.database.dataSource.query<{ text: string }[]>(
      `select to_jsonb(e)::text as text from event_store e where metadata ->> 'account' = $1`,
      [client.account],
    );
    expect(stored.length).toBeGreaterThan(5);
    expect(stored.filter(({ text }) => text.includes('idp|'))).toEqual([]);
    expect(stored.filter(({ text }) => text.includes('"actor"'))).toHaveLength(stored.length);
  });

  it('changes only from the version that If-Match names', async () => {
    const client = await newClient();
    const change = (etag: string, method = 'POST') =>
      api.post(`${grants(client.account)}${method === 'POST' ? '' : '/x'}`, method === 'POST' ? { subject: 'x' } : undefined, {
        authorization: operator,
        method,
        headers: { 'if-match': etag },
      });
    const stale = await change(api.tag(7));
    expect([stale.status, stale.headers.get('etag'), stale.body['version']]).toEqual([412, api.tag(1), 1]);
    expect([(await change(api.tag(1))).status, (await change(`W/${api.tag(2)}`, 'DELETE')).status]).toEqual([201, 412]);
    expect((await change(`${api.tag(1)}, ${api.tag(2)}`, 'DELETE')).status).toBe(200);
  });

  it('may be asked for again: nothing is stored', async () => {
    const client = await newClient();
    const grant = () => api.post(grants(client.account), { subject: 'twice' }, { authorization: operator });
    const revoke = () => api.post(`${grants(client.account)}/twice`, undefined, { authorization: operator, method: 'DELETE' });
    const statuses = [await grant(), await grant(), await revoke(), await revoke()].map(({ status }) => status);
    expect(statuses).toEqual([201, 200, 200, 200]);
    expect(await eventsOf(client.account)).toHaveLength(3);
  });

  it('is for operators to say: 403 to anybody else, owners too, whatever account is named', async () => {
    const client = await newClient();
    for (const account of [client.account, freshId(), 'none']) {
      const answer = await client.post(grants(account), { subject: 'x' });
      expect([answer.status, answer.body['type']]).toEqual([403, 'https://tradecore.dev/problems/operators-only']);
    }
    expect((await client.post(`${grants(client.account)}/x`, undefined, { method: 'DELETE' })).status).toBe(403);
  });

  it('of an account that is not there is nobody: 404', async () => {
    const answer = await api.post(grants(freshId()), { subject: 'x' }, { authorization: operator });
    expect([answer.status, answer.body]).toMatchObject([404, { errors: [{ pointer: '#/id', in: 'path' }] }]);
  });
});
