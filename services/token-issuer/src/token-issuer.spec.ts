import { createLocalJWKSet, jwtVerify } from 'jose';
import { generateKeyPairSync } from 'node:crypto';
import { bearerOf, InvalidOption } from './bearer.ts';
import { openIssuer } from './issuer.ts';

const key = (namedCurve = 'P-256') => generateKeyPairSync('ec', { namedCurve }).privateKey;
/** As Helm's `genPrivateKey "ecdsa"` writes it. */
const pem = key().export({ format: 'pem', type: 'sec1' }) as string;
const open = (privateKey: Parameters<typeof openIssuer>[2]) => openIssuer('https://issuer', 'tradecore', privateKey);

describe('the issuer', () => {
  it('signs access tokens that its published keys verify, and publishes the public half only', async () => {
    const issuer = await open(pem);
    const token = await issuer.token({ subject: 'me', accounts: [], role: 'treasury', scope: 'read trade' });
    const expected = { algorithms: ['ES256'], issuer: 'https://issuer', audience: 'tradecore', typ: 'at+jwt' };
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: issuer.jwks.keys }), expected);
    expect(payload).toMatchObject({ sub: 'me', accounts: [], role: 'treasury', scope: 'read trade' });
    expect(Object.keys(issuer.jwks.keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });

  it('names a key by what it is: the same after a restart, another for another key', async () => {
    const [first, again, other] = await Promise.all([pem, pem, key().export({ format: 'jwk' })].map(open));
    expect(again?.jwks).toEqual(first?.jwks);
    expect(other?.jwks.keys[0]?.kid).not.toBe(first?.jwks.keys[0]?.kid);
  });
});

describe('the options of the command that prints a token', () => {
  it('say whom it speaks for', () => {
    const account = '2116f352-ac5f-5f87-a692-9f54f1ff18cd';
    expect(bearerOf([])).toEqual({ role: 'client' });
    expect(bearerOf(['--subject', 'me', '--account', account, '--role', 'operator', '--scope', 'read trade'])).toEqual({
      subject: 'me',
      accounts: [account],
      role: 'operator',
      scope: 'read trade',
    });
  });

  it.each([
    ['--account', 'mine'],
    ['--subject', 'two words'],
    ['--role', 'admin'],
    ['--scope', 'everything'],
  ])('are refused: %s %s', (option, text) => expect(() => bearerOf([option, text])).toThrow(InvalidOption));
});
