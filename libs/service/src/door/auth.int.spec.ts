import { Authenticator } from './auth.ts';
import { readConfig } from '../run/config.ts';
import type { Caller, RequestRefused } from '../index.ts';
import { createTestIssuer, type TestIssuer, type TokenOptions } from '../testing.ts';

const authenticatorFor = ({ env }: TestIssuer, settings: Record<string, string> = {}, now = Date.now): Authenticator =>
  new Authenticator(readConfig({ uses: [], http: true }, { ...env, ...settings }), now);

describe('a verified token', () => {
  const account = '0190a6e0-0000-7000-8000-00000000abcd';
  let issuer: TestIssuer;
  let now: number;
  let authenticator: Authenticator;
  beforeEach(async () => {
    issuer = await createTestIssuer();
    now = Date.now();
    authenticator = authenticatorFor(issuer, {}, () => now);
  });
  afterEach(() => issuer.close());

  it('is reused for 30 s, then verified again', async () => {
    const bearer = `Bearer ${await issuer.token({ accounts: [account] })}`;
    const caller = await authenticator.authenticate(bearer);
    expect(caller).toMatchObject({ subject: 'tester', accounts: [account], role: 'client' });
    now += 29_999;
    expect(await authenticator.authenticate(bearer)).toBe(caller);
    now += 1;
    const again = await authenticator.authenticate(bearer);
    expect(again).toEqual(caller);
    expect(again).not.toBe(caller);
  });

  it('is not accepted past its end', async () => {
    const bearer = `Bearer ${await issuer.token({ expiresIn: 10 })}`;
    await authenticator.authenticate(bearer);
    now += 16_000;
    await expect(authenticator.authenticate(bearer)).rejects.toMatchObject({ status: 401, code: 'expired-token' });
  });

  it('vouches for no other token, not even one with its claims and another signature', async () => {
    const token = await issuer.token({ accounts: [account] });
    await authenticator.authenticate(`Bearer ${token}`);
    const [header, payload] = token.split('.');
    const [, , signature] = (await issuer.token({ accounts: [] })).split('.');
    const forged = authenticator.authenticate(`Bearer ${header}.${payload}.${signature}`);
    await expect(forged).rejects.toMatchObject({ status: 401, code: 'invalid-token' });
  });

  it('gives way to newer ones: the oldest of more than 1000 is verified again', async () => {
    const bearers = await Promise.all(
      Array.from({ length: 1001 }, async (_, n) => `Bearer ${await issuer.token({ subject: `s${n}` })}`),
    );
    const callers = [];
    for (const bearer of bearers) callers.push(await authenticator.authenticate(bearer));
    expect(await authenticator.authenticate(bearers.at(-1))).toBe(callers.at(-1));
    expect(await authenticator.authenticate(bearers[0])).not.toBe(callers[0]);
  });
});

describe('the algorithms', () => {
  it.each(['RS256', 'PS256', 'EdDSA'])('%s is accepted only where it is configured', async (algorithm) => {
    const issuer = await createTestIssuer(algorithm);
    const bearer = `Bearer ${await issuer.token()}`;
    expect(await authenticatorFor(issuer).authenticate(bearer)).toMatchObject({ subject: 'tester' });
    const other = authenticatorFor(issuer, { JWT_ALGORITHMS: 'ES256' });
    await expect(other.authenticate(bearer)).rejects.toMatchObject({
      code: 'invalid-token',
      more: { because: `"alg" (Algorithm) Header Parameter value not allowed; alg ${algorithm}, typ at+jwt, kid test` },
    });
    await issuer.close();
  });

  it.each(['none', 'HS256', 'RS256,none'])('can’t be %s', (names) => {
    const env = { JWT_ISSUER: 'https://a/', JWT_JWKS_URL: 'https://a/', JWT_ALGORITHMS: names };
    expect(() => readConfig({ uses: [], http: true }, env)).toThrow('must be some of ES256, EdDSA, RS256, PS256');
  });
});

describe('the age and type of a token', () => {
  let issuer: TestIssuer;
  beforeAll(async () => (issuer = await createTestIssuer()));
  afterAll(() => issuer.close());
  const answerTo = async (options: TokenOptions, settings: Record<string, string> = {}): Promise<unknown> =>
    authenticatorFor(issuer, settings)
      .authenticate(`Bearer ${await issuer.token(options)}`)
      .catch((error: unknown) => (error as RequestRefused).code);

  it.each([
    ['issued in the future', { issuedIn: 60 }, 'invalid-token'],
    ['issued too long ago, though it has not expired', { issuedIn: -86_500, expiresIn: 1e9 }, 'expired-token'],
    ['without a type', { typ: null }, 'invalid-token'],
  ])('%s is refused', async (_, options, code) => expect(await answerTo(options)).toBe(code));

  it('ends at its maximum age when that is earlier', async () => {
    const caller = (await answerTo({ expiresIn: 1e9 }, { JWT_MAX_AGE: '600' })) as Caller;
    expect(caller.expiresAt).toBeLessThanOrEqual(Date.now() + 600_000);
  });

  it('the type is what the issuer sets, or anything where it sets none', async () => {
    expect(await answerTo({ typ: 'JWT' }, { JWT_TYP: 'JWT' })).toMatchObject({ subject: 'tester' });
    expect(await answerTo({ typ: null }, { JWT_TYP: 'any' })).toMatchObject({ subject: 'tester' });
  });
});

describe('the keys of the issuer', () => {
  let issuer: TestIssuer;
  let now: number;
  let authenticator: Authenticator;
  beforeEach(async () => {
    issuer = await createTestIssuer();
    now = Date.now();
    authenticator = authenticatorFor(issuer, { JWT_MAX_AGE: '31536000' }, () => now);
  });
  afterEach(() => issuer.close());
  const admit = async (options: TokenOptions = {}): Promise<number> =>
    authenticator.authenticate(`Bearer ${await issuer.token({ expiresIn: 1e7, ...options })}`).then(
      () => 200,
      (error: unknown) => (error as RequestRefused).status,
    );

  it('are kept while it is unavailable, for days, and no request waits for it', async () => {
    expect(await admit()).toBe(200);
    issuer.isAway = true;
    for (let day = 1; day <= 3; day += 1) {
      now += 86_400_000;
      expect(await admit({ subject: `s${day}` })).toBe(200);
    }
    await issuer.rotate();
    issuer.isAway = false;
    // The third day's request may still be pending, and fail.
    for (let tries = 0; tries < 3 && (await admit()) !== 200; tries += 1) now += 5000;
    expect(await admit({ subject: 'later' })).toBe(200);
  });

  it('are fetched once, and not again for 5 s, for an unknown key', async () => {
    expect(await admit()).toBe(200);
    const known = issuer.asked;
    await issuer.rotate();
    now += 5000;
    expect(await Promise.all([admit(), admit({ subject: 'b' })])).toEqual([200, 200]);
    expect(issuer.asked).toBe(known + 1);
    const stranger = await createTestIssuer();
    await stranger.rotate();
    const forged = `Bearer ${await stranger.token()}`;
    for (let n = 0; n < 5; n += 1) await expect(authenticator.authenticate(forged)).rejects.toMatchObject({ status: 401 });
    expect(issuer.asked).toBe(known + 1);
    await stranger.close();
  });

  it('may have changed while it is unavailable: 503 for an unknown key, and one fetch in 5 s', async () => {
    expect(await admit()).toBe(200);
    const known = issuer.asked;
    issuer.isAway = true;
    await issuer.rotate();
    now += 5000;
    for (let n = 0; n < 5; n += 1) expect(await admit()).toBe(503);
    expect(issuer.asked).toBe(known + 1);
  });
});
