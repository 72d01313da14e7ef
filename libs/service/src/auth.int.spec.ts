import { Authenticator } from './auth.ts';
import { createTestIssuer, type TestIssuer } from './testing.ts';

describe('a token that was checked', () => {
  const account = '0190a6e0-0000-7000-8000-00000000abcd';
  let issuer: TestIssuer;
  let now: number;
  let authenticator: Authenticator;
  beforeEach(async () => {
    issuer = await createTestIssuer();
    now = Date.now();
    authenticator = new Authenticator({ ...issuer.env }, () => now);
  });
  afterEach(() => issuer.close());

  it('is taken for granted for 30 s, then checked again', async () => {
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

  it('is not taken past its end', async () => {
    const bearer = `Bearer ${await issuer.token({ expiresIn: 10 })}`;
    await authenticator.authenticate(bearer);
    now += 16_000;
    await expect(authenticator.authenticate(bearer)).rejects.toMatchObject({ status: 401, code: 'expired-token' });
  });

  it('vouches for no other: not for one with its claims and another signature', async () => {
    const token = await issuer.token({ accounts: [account] });
    await authenticator.authenticate(`Bearer ${token}`);
    const [header, payload] = token.split('.');
    const [, , signature] = (await issuer.token({ accounts: [] })).split('.');
    const forged = authenticator.authenticate(`Bearer ${header}.${payload}.${signature}`);
    await expect(forged).rejects.toMatchObject({ status: 401, code: 'invalid-token' });
  });

  it('gives way to newer ones: the oldest of more than 1000 is checked again', async () => {
    const bearers = await Promise.all(
      Array.from({ length: 1001 }, async (_, n) => `Bearer ${await issuer.token({ subject: `s${n}` })}`),
    );
    const callers = [];
    for (const bearer of bearers) callers.push(await authenticator.authenticate(bearer));
    expect(await authenticator.authenticate(bearers.at(-1))).toBe(callers.at(-1));
    expect(await authenticator.authenticate(bearers[0])).not.toBe(callers[0]);
  });
});
