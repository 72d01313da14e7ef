import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { program, writeOperatorSettings } from '../src/runner/fleet.ts';
import { homeAt } from '../src/runner/home.ts';

describe('servers that the environment names', () => {
  const before = { ...process.env };
  const home = homeAt(mkdtempSync(join(tmpdir(), 'named-servers-')));
  const urls = { DATABASE_URL: 'postgres://owner@db/tradecore', KAFKA_BROKERS: 'kafka:9093', REDIS_URL: 'rediss://cache' };
  const security = {
    KAFKA_TLS: 'true',
    KAFKA_CA: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
    KAFKA_SASL_MECHANISM: 'PLAIN',
    KAFKA_SASL_USERNAME: 'fleet',
    KAFKA_SASL_PASSWORD: `it's "#1"`,
    REDIS_CA: '-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n',
  };
  const settings = { home, urls, namespace: '', jwksUrl: 'http://127.0.0.1/jwks.json', paperUrl: 'http://127.0.0.1:1' };
  const envOf = (service: string) => program(settings, { name: service, service, adminPort: 1 }).env;

  afterEach(() => void (process.env = { ...before }));
  afterAll(() => rmSync(home.path, { recursive: true }));

  it('let in each service, and the operator, as they let in its user', () => {
    Object.assign(process.env, urls, security);
    expect(envOf('order-saga')).toMatchObject({ ...security, KAFKA_BROKERS: 'kafka:9093' });
    expect(envOf('paper-broker')).not.toHaveProperty('KAFKA_SASL_PASSWORD');
    writeOperatorSettings(settings, [], { url: '', token: '' });
    expect(parseEnv(readFileSync(join(home.secrets, 'operator.env'), 'utf8'))).toMatchObject(security);
  });

  it('are not those that the fleet starts: they ask nobody', () => {
    const { KAFKA_BROKERS: _, REDIS_URL: __, ...others } = process.env;
    process.env = { ...others, ...security };
    expect(envOf('order-saga')).not.toHaveProperty('KAFKA_TLS');
    expect(envOf('order-saga')).not.toHaveProperty('REDIS_CA');
  });
});
