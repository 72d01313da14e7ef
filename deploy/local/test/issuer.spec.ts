import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { accountIdFor } from '@tradecore/events';
import { homeAt } from '../src/runner/home.ts';
import { audience, demoAccount, demoAccountKey, demoPerson, LocalIssuer, localIssuer } from '../src/runner/issuer.ts';

describe('the local issuer', () => {
  const home = homeAt(mkdtempSync(join(tmpdir(), 'issuer-')));
  afterAll(() => rmSync(home.path, { recursive: true }));

  it('signs access tokens that its published keys verify', async () => {
    const issuer = await LocalIssuer.open(home);
    const token = await issuer.token({ accounts: [demoAccount], role: 'operator' });
    const expected = {
      algorithms: ['ES256'],
      issuer: localIssuer,
      audience,
      typ: 'at+jwt',
      requiredClaims: ['exp', 'iat', 'sub'],
    };
    const { payload } = await jwtVerify(token, createLocalJWKSet(issuer.jwks), expected);
    expect(payload).toMatchObject({ accounts: [demoAccount], role: 'operator' });
  });

  it('knows the id that the demo account gets when its owner opens it', () => {
    expect(demoAccount).toBe(accountIdFor(demoPerson, demoAccountKey));
  });

  it('keeps its key between runs, readable by its owner alone', async () => {
    const [before, after] = [await LocalIssuer.open(home), await LocalIssuer.open(home)];
    expect(after.jwks).toEqual(before.jwks);
    expect(statSync(join(home.secrets, 'issuer.jwk')).mode & 0o777).toBe(0o600);
  });
});
