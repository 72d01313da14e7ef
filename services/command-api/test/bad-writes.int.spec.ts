import fc from 'fast-check';
import { freshId } from '@tradecore/events';
import { expectProblem } from './expect-problem.ts';
import { RunningCommandApi, type Answer, type Sending } from './running-command-api.ts';

let api: RunningCommandApi;
let operator: string;
let orderId: string;
let before: number;

beforeAll(async () => {
  api = await RunningCommandApi.start();
  operator = await api.bearer([], { subject: 'op', role: 'operator' });
  orderId = await api.working();
  before = await api.stored();
});
afterAll(() => api.stop());

/** Bad input leaves nothing behind. */
afterEach(async () => expect(await api.stored()).toBe(before));

/** A route and a valid body for it. */
interface Route {
  readonly path: () => string;
  readonly good: Readonly<Record<string, unknown>>;
  readonly keyed?: true;
  readonly operators?: true;
  readonly method?: 'PUT';
}

const routes = {
  open: { path: () => '/v1/accounts', good: { name: 'mine' }, keyed: true },
  deposit: { path: () => `/v1/accounts/${api.account}/deposits`, good: { amount: '1' }, keyed: true, operators: true },
  withdraw: { path: () => `/v1/accounts/${api.account}/withdrawals`, good: { amount: '1' }, keyed: true },
  replace: { path: () => `/v1/orders/${orderId}/replace`, good: { quantity: '11' } },
  grant: { path: () => `/v1/accounts/${api.account}/grants`, good: { subject: 'friend' }, operators: true },
  halt: { path: () => '/v1/admin/kill-switch', good: { scope: 'all', trading: 'halted', reason: 'x' }, operators: true },
  limit: { path: () => '/v1/admin/limits/all', good: {}, operators: true, method: 'PUT' },
} satisfies Record<string, Route>;
const names = Object.keys(routes) as (keyof typeof routes)[];

function send(name: keyof typeof routes, body: unknown, sending: Sending = {}): Promise<Answer> {
  const { path, keyed, operators, method }: Route = routes[name];
  return api.post(path(), body, {
    ...(operators && { authorization: operator }),
    ...(method && { method }),
    ...sending,
    headers: { ...(keyed && { 'idempotency-key': freshId() }), ...sending.headers },
  });
}

describe('a field that breaks a rule', () => {
  it.each<[keyof typeof routes, string, Record<string, unknown>, string]>([
    ['open', 'an unknown currency', { currency: 'EUR' }, '#/currency not-one-of'],
    ['open', 'another spelling of a currency', { currency: 'usd' }, '#/currency not-one-of'],
    ['open', 'a name that is empty', { name: '' }, '#/name too-small'],
    ['open', 'a name of 201', { name: 'x'.repeat(201) }, '#/name too-large'],
    ['open', 'an owner', { owner: 'somebody' }, '#/owner unknown-field'],
    ['deposit', 'nothing', { amount: '0' }, '#/amount not-positive'],
    ['deposit', 'nothing, spelled longer', { amount: '0.00' }, '#/amount not-positive'],
    ['deposit', 'less than nothing', { amount: '-1' }, '#/amount not-positive'],
    ['deposit', 'a tenth of a cent', { amount: '1.001' }, '#/amount too-many-decimal-places'],
    ['deposit', 'text that is not a number', { amount: 'ten' }, '#/amount not-a-decimal'],
    ['deposit', 'a number instead of text', { amount: 10 }, '#/amount wrong-type'],
    ['deposit', 'no amount', { amount: undefined }, '#/amount missing'],
    ['deposit', 'more than 19 digits', { amount: '1'.repeat(20) }, '#/amount too-many-integer-digits'],
    ['deposit', 'a reference of 201', { reference: 'x'.repeat(201) }, '#/reference too-large'],
    ['withdraw', 'nothing', { amount: '0' }, '#/amount not-positive'],
    ['withdraw', 'another currency', { currency: 'USD' }, '#/currency unknown-field'],
    ['replace', 'no shares', { quantity: '0' }, '#/quantity not-positive'],
    ['replace', 'less than none', { quantity: '-5' }, '#/quantity not-positive'],
    ['replace', 'ten places', { limitPrice: '1.0000000001' }, '#/limitPrice too-many-decimal-places'],
    ['replace', 'another side', { side: 'sell' }, '#/side unknown-field'],
    ['replace', 'nothing at all', { quantity: undefined }, '# nothing-to-change'],
    ['grant', 'no subject', { subject: undefined }, '#/subject missing'],
    ['grant', 'an empty subject', { subject: '' }, '#/subject too-small'],
    ['grant', 'a subject of 256', { subject: 'x'.repeat(256) }, '#/subject too-large'],
    ['halt', 'an invalid scope', { scope: 'everybody' }, '#/scope invalid-format'],
    ['halt', 'no scope', { scope: undefined }, '#/scope missing'],
    ['halt', 'an invalid value', { trading: 'off' }, '#/trading not-one-of'],
    ['halt', 'no reason', { reason: undefined }, '#/reason missing'],
    ['halt', 'an empty reason', { reason: '' }, '#/reason too-small'],
    ['limit', 'a limit of nothing', { maxOrderValue: '0' }, '#/maxOrderValue not-positive'],
    ['limit', 'a limit that is not a number', { maxOrderQuantity: 'many' }, '#/maxOrderQuantity not-a-decimal'],
    ['limit', 'an unknown limit', { maxLoss: '1' }, '#/maxLoss unknown-field'],
  ])('%s: %s', async (name, _what, changes, fault) => {
    const answer = await send(name, { ...routes[name].good, ...changes });
    expectProblem(answer, 400, 'invalid-request');
    const [pointer, code] = fault.split(' ');
    expect(answer.body['errors']).toEqual([{ pointer, code, detail: expect.any(String) }]);
  });
});

describe('on every route', () => {
  it.each(names)('%s: a body that is not JSON', async (name) => {
    expectProblem(await send(name, '{"a": '), 400, 'invalid-json');
    for (const body of ['[]', 'null', '"text"', '7']) expectProblem(await send(name, body), 400, 'invalid-request');
    const typed = await send(name, 'a=1', { headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    expectProblem(typed, 415, 'unsupported-media-type');
    expectProblem(await send(name, JSON.stringify({ x: 'x'.repeat(70_000) })), 413, 'body-too-large');
  });

  it.each(names)('%s: text that no database can store', async (name) => {
    for (const escape of ['\\u0000', '\\ud800']) {
      const answer = await send(name, JSON.stringify({ ...routes[name].good, note: '@' }).replace('@', escape));
      expectProblem(answer, 400, 'invalid-request');
      expect(answer.body['errors']).toMatchObject([{ pointer: '#/note', code: 'forbidden-character' }]);
    }
  });

  it.each(names)('%s: no token, or an invalid one', async (name) => {
    expectProblem(await send(name, routes[name].good, { authorization: null }), 401, 'missing-token');
    expectProblem(await send(name, routes[name].good, { authorization: 'Bearer a.b.c' }), 401, 'invalid-token');
  });
});

describe('a header', () => {
  it.each(['open', 'deposit', 'withdraw'] as const)('%s: without an Idempotency-Key, or with a bad one', async (name) => {
    const authorization = name === 'deposit' ? operator : api.bearerText;
    const missing = await api.post(routes[name].path(), routes[name].good, { authorization });
    expectProblem(missing, 400, 'invalid-request');
    expect(missing.body['errors']).toMatchObject([{ pointer: '#/idempotency-key', in: 'header', code: 'missing' }]);
    for (const key of ['x'.repeat(256), 'é']) {
      const answer = await send(name, routes[name].good, { headers: { 'idempotency-key': key } });
      expect(answer.body['errors']).toMatchObject([{ pointer: '#/idempotency-key', code: 'invalid-format' }]);
    }
  });

  it.each(['2', 'W/2', '"x', '"1" "2"', '"1",', ''])('If-Match: %s', async (etag) => {
    const answer = await send('replace', routes.replace.good, { headers: { 'if-match': etag } });
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.body['errors']).toMatchObject([{ pointer: '#/if-match', in: 'header', code: 'invalid-format' }]);
  });
});

describe('a path', () => {
  it.each([
    ['deposits', { amount: '1' }],
    ['withdrawals', { amount: '1' }],
    ['grants', { subject: 'x' }],
  ])('of %s with an invalid id, an unknown one, a foreign one', async (what, body) => {
    const isForOperators = what !== 'withdrawals';
    const role = isForOperators ? 'operator' : 'client';
    const authorization = await api.bearer([], { subject: 'stranger', role, scope: 'transfer' });
    const sending = { authorization, headers: { 'idempotency-key': 'k' } };
    const bad = await api.post(`/v1/accounts/7/${what}`, body, sending);
    expectProblem(bad, 400, 'invalid-request');
    expect(bad.body['errors']).toMatchObject([{ pointer: '#/id', in: 'path', code: 'invalid-format' }]);
    const answers = [await api.post(`/v1/accounts/${freshId()}/${what}`, body, sending)];
    if (!isForOperators) answers.push(await api.post(`/v1/accounts/${api.account}/${what}`, body, sending));
    for (const answer of answers) {
      expectProblem(answer, 404, 'account-not-found');
      expect(answer.body['errors']).toMatchObject([{ pointer: '#/id', in: 'path', code: 'not-found' }]);
    }
  });

  it('of a replace with an invalid id and an unknown one', async () => {
    expectProblem(await api.post('/v1/orders/7/replace', { quantity: '1' }), 400, 'invalid-request');
    expectProblem(await api.post(`/v1/orders/${freshId()}/replace`, { quantity: '1' }), 404, 'order-not-found');
  });

  it('of limits with an invalid scope', async () => {
    const answer = await api.post('/v1/admin/limits/everybody', {}, { authorization: operator, method: 'PUT' });
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.body['errors']).toMatchObject([{ pointer: '#/scope', in: 'path' }]);
  });

  it('of a grant that no subject can have', async () => {
    const path = `/v1/accounts/${api.account}/grants/${'x'.repeat(256)}`;
    const answer = await api.post(path, undefined, { authorization: operator, method: 'DELETE' });
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.body['errors']).toMatchObject([{ pointer: '#/subject', in: 'path' }]);
  });
});

it('generated garbage on every route is answered as the client’s fault, never the service’s', async () => {
  const field = fc.constantFrom(
    'amount',
    'reference',
    'name',
    'currency',
    'quantity',
    'limitPrice',
    'subject',
    'scope',
    'reason',
  );
  const value = fc.oneof(
    fc.constantFrom('', '-0', '1e9', '0x1', '.'),
    fc.jsonValue({ maxDepth: 3 }),
    fc.string({ unit: 'binary' }),
  );
  // The generated name is not a field of any body, so none of these is ever valid.
  const body = fc.oneof(
    fc.dictionary(field, value).map((each) => JSON.stringify({ ...each, garbage: true })),
    fc.string({ unit: 'binary' }).map((each) => `${each}{`),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), body, async (name, sent) => {
      const answer = await send(name, sent);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/problem+json']);
    }),
    { numRuns: 150 },
  );
}, 60_000);
