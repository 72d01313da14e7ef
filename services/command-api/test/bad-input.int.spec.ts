import { connect } from 'node:net';
import fc from 'fast-check';
import { placeOrderBody } from '@tradecore/api';
import { expectProblem } from './expect-problem.ts';
import { RunningCommandApi, type Sending } from './running-command-api.ts';

let api: RunningCommandApi;
let orderId: string;
let before: number;

beforeAll(async () => {
  api = await RunningCommandApi.start();
  orderId = (await api.post('/v1/orders', api.terms())).body['id'] as string;
  before = await api.stored();
});
afterAll(() => api.stop());

/** Bad input leaves nothing behind. */
afterEach(async () => expect(await api.stored()).toBe(before));

describe('terms that break a rule', () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    ['an unknown field', { surprise: 1 }, '#/surprise', 'unknown-field'],
    ['an unknown field with a strange name', { 'a/b~c': 1 }, '#/a~1b~0c', 'unknown-field'],
    ['a field with a name that objects inherit', { constructor: {} }, '#/constructor', 'unknown-field'],
    ['a number for a decimal', { quantity: 10 }, '#/quantity', 'wrong-type'],
    ['null', { symbol: null }, '#/symbol', 'wrong-type'],
    ['a list', { side: ['buy'] }, '#/side', 'not-one-of'],
    ['another spelling', { side: 'BUY' }, '#/side', 'not-one-of'],
    ['an unknown type', { type: 'trailingStop' }, '#/type', 'not-one-of'],
    ['an unknown time in force', { timeInForce: 'opg' }, '#/timeInForce', 'not-one-of'],
    ['no symbol', { symbol: undefined }, '#/symbol', 'missing'],
    ['a negative quantity', { quantity: '-1' }, '#/quantity', 'not-positive'],
    ['a zero quantity', { quantity: '0.000' }, '#/quantity', 'not-positive'],
    ['a quantity of 40 digits', { quantity: '9'.repeat(40) }, '#/quantity', 'too-many-integer-digits'],
    ['a quantity of 10 places', { quantity: '1.0000000001' }, '#/quantity', 'too-many-decimal-places'],
    ['a quantity that is not a number', { quantity: 'NaN' }, '#/quantity', 'not-a-decimal'],
    ['a quantity of 10,000 digits', { quantity: '9'.repeat(10_000) }, '#/quantity', 'too-large'],
    ['a quantity of 65 digits', { quantity: '0'.repeat(65) }, '#/quantity', 'too-large'],
    ['a limit price on a market order', { type: 'market' }, '#/limitPrice', 'not-allowed-by-type'],
    ['a missing limit price', { limitPrice: undefined }, '#/limitPrice', 'required-by-type'],
    ['a missing stop price', { type: 'stopLimit' }, '#/stopPrice', 'required-by-type'],
    ['a stop price on a limit order', { stopPrice: '1' }, '#/stopPrice', 'not-allowed-by-type'],
    ['a lower-case symbol', { symbol: 'acme' }, '#/symbol', 'bad-shape'],
    ['a symbol with a space', { symbol: 'AC ME' }, '#/symbol', 'bad-shape'],
    ['a symbol of 13', { symbol: 'ABCDEFGHIJKLM' }, '#/symbol', 'bad-shape'],
    ['an empty clientOrderId', { clientOrderId: '' }, '#/clientOrderId', 'bad-shape'],
    ['a clientOrderId of 49', { clientOrderId: 'x'.repeat(49) }, '#/clientOrderId', 'bad-shape'],
    ['a clientOrderId beyond ASCII', { clientOrderId: 'naïve' }, '#/clientOrderId', 'bad-shape'],
    ['an account that is not a UUID', { accountId: 'mine' }, '#/accountId', 'bad-shape'],
  ])('%s', async (_name, changes, pointer, code) => {
    const answer = await api.post('/v1/orders', api.terms(changes));
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.body['errors']).toEqual([{ pointer, code, detail: expect.any(String) }]);
  });

  it('are reported all at once', async () => {
    const answer = await api.post('/v1/orders', api.terms({ quantity: '0', symbol: '?', stopPrice: 'x' }));
    const faults = (answer.body['errors'] as { pointer: string; code: string }[]).map(
      ({ pointer, code }) => `${pointer} ${code}`,
    );
    expect(faults).toEqual([
      '#/symbol bad-shape',
      '#/quantity not-positive',
      '#/stopPrice not-a-decimal',
      '#/stopPrice not-allowed-by-type',
    ]);
  });

  it('an order without a clientOrderId and without an Idempotency-Key', async () => {
    const answer = await api.post('/v1/orders', api.terms({ clientOrderId: undefined }));
    expectProblem(answer, 400, 'order-name-missing');
    expect(answer.body['errors']).toMatchObject([{ pointer: '#/clientOrderId', code: 'missing' }]);
  });

  it.each([
    ['256 letters', 'x'.repeat(256)],
    ['é', 'é'],
  ])('an Idempotency-Key of %s', async (_name, key) => {
    const answer = await api.post('/v1/orders', api.terms(), { headers: { 'idempotency-key': key } });
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.body['errors']).toMatchObject([{ pointer: '#/idempotency-key', in: 'header', code: 'invalid-format' }]);
  });

  it('a reason that is empty, or longer than 200', async () => {
    for (const reason of ['', 'x'.repeat(201)]) {
      const answer = await api.post(`/v1/orders/${orderId}/cancel`, { reason });
      expectProblem(answer, 400, 'invalid-request');
      expect(answer.body['errors']).toMatchObject([{ pointer: '#/reason' }]);
    }
  });
});

describe('text that no database can store', () => {
  const names = ['accountId', 'clientOrderId', 'symbol', 'side', 'type', 'quantity', 'limitPrice', 'stopPrice', 'timeInForce'];

  it.each(['\\u0000', '\\ud800', '\\udfff'])('%s in each string of an order', async (escape) => {
    for (const name of names) {
      const json = JSON.stringify(api.terms({ [name]: 'A@' })).replace('A@', `A${escape}`);
      const answer = await api.post('/v1/orders', json);
      expectProblem(answer, 400, 'invalid-request');
      expect(answer.body['errors']).toMatchObject([{ pointer: `#/${name}`, code: 'forbidden-character' }]);
    }
  });

  it.each(['\\u0000', '\\ud800'])('%s in the name of a field, and in a reason', async (escape) => {
    const named = await api.post('/v1/orders', JSON.stringify(api.terms({ '@': 1 })).replace('@', escape));
    expectProblem(named, 400, 'invalid-request');
    expect(named.body['errors']).toMatchObject([{ code: 'forbidden-character' }]);
    const reason = await api.post(`/v1/orders/${orderId}/cancel`, `{"reason": "no${escape}"}`);
    expectProblem(reason, 400, 'invalid-request');
    expect(reason.body['errors']).toMatchObject([{ pointer: '#/reason', code: 'forbidden-character' }]);
  });
});

describe('an invalid body', () => {
  it.each<[string, string | undefined, string, Sending?]>([
    ['broken JSON', '{"accountId": ', 'invalid-json'],
    ['not JSON at all', 'quantity=1', 'invalid-json'],
    ['a member that would change a prototype', '{"__proto__": {"admin": true}}', 'invalid-json'],
    ['a list', '[]', 'invalid-request'],
    ['a text', '"order"', 'invalid-request'],
    ['null', 'null', 'invalid-request'],
    ['nothing', undefined, 'invalid-request'],
    ['something nested 30,000 deep', `${'['.repeat(30_000)}${']'.repeat(30_000)}`, 'invalid-request'],
  ])('%s', async (_name, body, code) => {
    const answer = await api.post('/v1/orders', body);
    expectProblem(answer, 400, code);
    const [error] = answer.body['errors'] as { pointer: string }[];
    expect(error?.pointer).toMatch(/^#/);
  });

  it('of 1 MiB is refused for its size, with or without a length', async () => {
    const large = JSON.stringify(api.terms({ symbol: 'A'.repeat(1024 * 1024) }));
    const refused = await api.post('/v1/orders', large);
    expectProblem(refused, 413, 'body-too-large');
    expect(refused.body['errors']).toMatchObject([{ pointer: '#' }]);
    const answer = await fetch(`${api.url}/v1/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: await api.bearer([api.account]) },
      body: new Blob([large]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([413, 'application/problem+json']);
  });

  it('of another media type is refused', async () => {
    const answer = await api.post('/v1/orders', 'quantity=1', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expectProblem(answer, 415, 'unsupported-media-type');
    expect(answer.body['errors']).toMatchObject([{ pointer: '#/content-type', in: 'header' }]);
  });
});

describe('an unknown caller', () => {
  const good = () => ({ accounts: [api.account] });
  it.each<[string, () => Promise<string | null>, string]>([
    ['no token', () => Promise.resolve(null), 'missing-token'],
    ['another scheme', () => Promise.resolve('Basic dXNlcjpwYXNz'), 'invalid-token'],
    ['a broken token', async () => `${await api.bearer([api.account])}x`, 'invalid-token'],
    ['text that is not a token', () => Promise.resolve('Bearer not.a.token'), 'invalid-token'],
    ['an expired token', async () => `Bearer ${await api.issuer.token({ ...good(), expiresIn: -60 })}`, 'expired-token'],
    ['a foreign key', async () => `Bearer ${await api.issuer.token({ ...good(), foreignKey: true })}`, 'invalid-token'],
    ['another audience', async () => `Bearer ${await api.issuer.token({ ...good(), audience: 'bank' })}`, 'invalid-token'],
    [
      'another issuer',
      async () => `Bearer ${await api.issuer.token({ ...good(), issuer: 'https://evil.test/' })}`,
      'invalid-token',
    ],
    ['another type of token', async () => `Bearer ${await api.issuer.token({ ...good(), typ: 'JWT' })}`, 'invalid-token'],
  ])('%s', async (_name, authorization, code) => {
    for (const path of ['/v1/orders', `/v1/orders/${orderId}/cancel`]) {
      const answer = await api.post(path, api.terms(), { authorization: await authorization() });
      expectProblem(answer, 401, code);
      expect(answer.body['errors']).toMatchObject([{ pointer: '#/authorization', in: 'header' }]);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
  });
});

describe('an order that does not exist', () => {
  it('has an id that is not a UUID', async () => {
    for (const id of ['7', 'null', '%00', '%ED%A0%80', `${orderId}0`, `${orderId}'--`]) {
      const answer = await api.post(`/v1/orders/${id}/cancel`, {});
      expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/problem+json']);
      const [error] = answer.body['errors'] as { pointer: string }[];
      expect(error).toMatchObject({ in: 'path' });
      if (!id.startsWith('%')) expect(error).toMatchObject({ pointer: '#/id', code: 'invalid-format' });
    }
  });

  it('has an unknown id', async () => {
    const answer = await api.post('/v1/orders/0190a6e0-0000-7000-8000-00000000dead/cancel', {});
    expectProblem(answer, 404, 'order-not-found');
    expect(answer.body['errors']).toMatchObject([{ pointer: '#/id', in: 'path', code: 'not-found' }]);
  });

  it('has an unknown path', async () => expectProblem(await api.post('/v1/nothing', {}), 404, 'no-such-route'));
});

it('a line that is not HTTP is answered too', async () => {
  const { hostname, port } = new URL(api.url);
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect(Number(port), hostname, () => socket.end('GARBAGE\0\r\n\r\n'));
    socket.on('data', (data) => (text += data.toString('latin1'))).on('close', () => resolve(text));
  });
  expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*application\/problem\+json/);
});

describe('generated garbage', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ maxLength: 60 }),
    fc.constantFrom('', '-0', '1e9', '0x1'),
  );
  const value = fc.oneof(text, fc.jsonValue({ maxDepth: 3 }));
  const field = fc.constantFrom(
    'accountId',
    'symbol',
    'side',
    'type',
    'quantity',
    'limitPrice',
    'stopPrice',
    'timeInForce',
    'other',
  );
  const changedTerms = fc.array(fc.tuple(field, value), { minLength: 1, maxLength: 3 }).map((changes) => {
    return JSON.stringify(api.terms(Object.fromEntries(changes)));
  });
  const body = fc.oneof(
    changedTerms,
    fc.json(),
    text,
    fc.dictionary(text, value).map((each) => JSON.stringify(each)),
  );
  const headerCharacter = fc.oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0xa0, max: 0xff }));
  const headerValue = fc.string({ unit: headerCharacter.map((code) => String.fromCharCode(code)), maxLength: 80 });
  const headers = fc.dictionary(
    fc.constantFrom('idempotency-key', 'traceparent', 'x-correlation-id', 'consistency-token', 'if-match', 'accept'),
    headerValue.map((each) => each.trim()).filter((each) => each !== ''),
  );
  const path = fc.oneof(
    { weight: 3, arbitrary: fc.constant('/v1/orders') },
    text.map((each) => `/v1/orders/${encodeURIComponent(each.toWellFormed())}/cancel`),
  );

  it('is answered as the client’s fault, never the service’s, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(path, body, headers, async (where, sent, also) => {
        const fine = where === '/v1/orders' && isFine(sent);
        const answer = await api.post(where, sent, { headers: also });
        if (fine && answer.status === 201) before += 4;
        else {
          // A denied order is stored: OrderPlaced, OrderDenied.
          if (fine && String(answer.body['type']).endsWith('/order-denied')) before += 2;
          expect(answer.status).toBeGreaterThanOrEqual(400);
          expect(answer.status).toBeLessThan(500);
          expect(answer.headers.get('content-type')).toBe('application/problem+json');
          expect(answer.body['type']).toMatch(/^https:\/\/tradecore\.dev\/problems\/[a-z-]+$/);
        }
      }),
      { numRuns: 200 },
    );
  }, 60_000);

  it('in the Authorization header is never a caller', async () => {
    const part = fc.base64String({ maxLength: 40 }).map((each) => each.replaceAll(/[+/=]/g, '_'));
    const token = fc.tuple(part, part, part).map((parts) => `Bearer ${parts.join('.')}`);
    await fc.assert(
      fc.asyncProperty(fc.oneof(token, headerValue), async (authorization) => {
        expectProblem(await api.post('/v1/orders', api.terms(), { authorization }), 401, 'invalid-token');
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  /** A generated body may happen to be a valid order, which may be stored. */
  function isFine(sent: string): boolean {
    try {
      return placeOrderBody.safeParse(JSON.parse(sent)).success;
    } catch {
      return false;
    }
  }
});
