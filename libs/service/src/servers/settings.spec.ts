import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigFaults, kafkaSettings, readConfig, type ConfigNeeds } from '../run/config.ts';

/** Made for these tests; its key is gone. */
const cert = `-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUSxEfFCcIqdmdgMbTmDlvs5WO/I8wCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDb25lMCAXDTI2MTEyNzEwMDQzOFoYDzIxMjYxMTAzMTAwNDM4
WjAOMQwwCgYDVQQDDANvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQzVj9P
KHWYhmRaU6vInoYe2i7BPwN22qj4x1msu5Rtidnru5tyK333sPY25Lu4GkEstF6l
Eol8uwHjjS6x9UzWo1MwUTAdBgNVHQ4EFgQUyuai7aPgmimo2iKO5TPq/U43mHMw
HwYDVR0jBBgwFoAUyuai7aPgmimo2iKO5TPq/U43mHMwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiEA3Wn30a0OaUVV0h2EvSNDpM+2boXBKriD3/jJ
duElYMACIHI7RZbvktQ2mr09aaDffGQAYPBu4c6g8oTnA+8wHRSp
-----END CERTIFICATE-----`;
/** The key of no certificate. */
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const kafka = { KAFKA_BROKERS: 'kafka-0:9093' };
const login = { KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512', KAFKA_SASL_USERNAME: 'saga', KAFKA_SASL_PASSWORD: 'hunter2' };
const url = 'postgres://me@db/tradecore';

function faultsOf(uses: ConfigNeeds['uses'], env: Record<string, string>): readonly string[] {
  try {
    readConfig({ uses, http: false }, env);
  } catch (error) {
    if (error instanceof ConfigFaults) return error.faults;
    throw error;
  }
  return [];
}

describe('the settings of Kafka', () => {
  const settingsOf = (env: Record<string, string>) =>
    kafkaSettings('order-saga', readConfig({ uses: ['kafka'], http: false }, { ...kafka, NAMESPACE: 'blue', ...env }));

  it('are plain unless they say otherwise', () =>
    expect(settingsOf({})).toEqual({ brokers: ['kafka-0:9093'], clientId: 'order-saga', namespace: 'blue' }));

  it('make one client of TLS and a login', () => {
    expect(settingsOf({ KAFKA_TLS: 'true', KAFKA_CA: cert, ...login })).toMatchObject({
      tls: { ca: cert },
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'saga', password: 'hunter2' },
    });
  });

  it.each<[string, Record<string, string>, string]>([
    ['an authority without TLS', { KAFKA_CA: cert }, 'KAFKA_CA is set, but connections are not encrypted: set KAFKA_TLS=true'],
    ['a certificate without its key', { KAFKA_TLS: 'true', KAFKA_CERT: cert }, 'KAFKA_KEY is missing'],
    ['a key without its certificate', { KAFKA_TLS: 'true', KAFKA_KEY: key }, 'KAFKA_CERT is missing'],
    [
      "another certificate's key",
      { KAFKA_TLS: 'true', KAFKA_CERT: cert, KAFKA_KEY: key },
      'KAFKA_KEY is not the key of KAFKA_CERT',
    ],
    [
      'an authority that is no certificate',
      { KAFKA_TLS: 'true', KAFKA_CA: 'ca.crt' },
      'KAFKA_CA is "ca.crt": must be a certificate',
    ],
    ['a key that is none', { KAFKA_TLS: 'true', KAFKA_KEY: 'hunter2' }, 'KAFKA_KEY is ***: must be a private key'],
    ['an unknown mechanism', { ...login, KAFKA_SASL_MECHANISM: 'GSSAPI' }, 'KAFKA_SASL_MECHANISM is "GSSAPI"'],
    ['a mechanism without a user', { ...login, KAFKA_SASL_USERNAME: '' }, 'SCRAM-SHA-512: KAFKA_SASL_USERNAME is missing'],
    ['a mechanism without a password', { ...login, KAFKA_SASL_PASSWORD: '' }, 'SCRAM-SHA-512: KAFKA_SASL_PASSWORD is missing'],
    ['a user without a mechanism', { KAFKA_SASL_USERNAME: 'saga' }, 'KAFKA_SASL_USERNAME is set without KAFKA_SASL_MECHANISM'],
    [
      'a password in the clear, in production',
      { ...login, KAFKA_SASL_MECHANISM: 'PLAIN', NODE_ENV: 'production' },
      'set KAFKA_TLS=true in production',
    ],
  ])('refuse %s', (_, env, fault) => {
    const faults = faultsOf(['kafka'], { ...kafka, ...env });
    expect(faults).toEqual([expect.stringContaining(fault)]);
    expect(faults.join()).not.toContain('hunter2');
  });
});

describe('the URL of PostgreSQL', () => {
  const folder = mkdtempSync(join(tmpdir(), 'settings-'));
  const ca = join(folder, 'ca.crt');
  beforeAll(() => writeFileSync(ca, cert));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['', '?sslmode=disable', '?sslmode=require', '?sslmode=verify-full'])('may end in "%s"', (end) =>
    expect(faultsOf(['postgres'], { DATABASE_URL: `${url}${end}` })).toEqual([]),
  );
  it.each(['require', 'verify-ca', 'verify-full'])('may name an authority with %s', (mode) =>
    expect(faultsOf(['postgres'], { DATABASE_URL: `${url}?sslmode=${mode}&sslrootcert=${ca}` })).toEqual([]),
  );
  it.each([
    ['a mode that may fall back', '?sslmode=prefer', 'sslmode=prefer: must be one of disable, require, verify-ca, verify-full'],
    ['verify-ca without an authority', '?sslmode=verify-ca', 'needs sslrootcert'],
    ['an authority without a mode', `?sslrootcert=${ca}`, 'add sslmode=verify-full'],
    [
      'an authority that is not there',
      '?sslmode=verify-full&sslrootcert=/nowhere',
      'sslrootcert=/nowhere, which is no certificate',
    ],
  ])('is refused with %s', (_, end, fault) =>
    expect(faultsOf(['postgres'], { DATABASE_URL: `${url}${end}` })).toEqual([expect.stringContaining(fault)]),
  );
});

it('an authority for Redis needs a rediss: URL', () => {
  const faults = (REDIS_URL: string) => faultsOf(['redis'], { REDIS_URL, REDIS_CA: cert });
  expect(faults('rediss://cache')).toEqual([]);
  expect(faults('redis://cache')).toEqual([
    'REDIS_CA is set, but connections are not encrypted: REDIS_URL must start with rediss:',
  ]);
});
