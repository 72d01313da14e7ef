import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigFaults, readConfig } from './config.ts';

const good = {
  DATABASE_URL: 'postgres://me:hunter2@db:5432/tradecore',
  KAFKA_BROKERS: 'a:9092, b:9092',
  REDIS_URL: 'redis://cache:6379',
  JWT_ISSUER: 'https://login.example.com/',
  JWT_JWKS_URL: 'https://login.example.com/jwks.json',
  PORT: '8081',
};
const everything = { uses: ['postgres', 'kafka', 'redis'], http: true } as const;

function faultsOf(env: Record<string, string>, needs: Parameters<typeof readConfig>[0] = everything): readonly string[] {
  try {
    readConfig(needs, env);
  } catch (error) {
    if (error instanceof ConfigFaults) return error.faults;
    throw error;
  }
  return [];
}

describe('the settings of a service', () => {
  it('are typed and have defaults', () => {
    expect(readConfig(everything, good)).toMatchObject({
      KAFKA_BROKERS: ['a:9092', 'b:9092'],
      PORT: 8081,
      ADMIN_PORT: 0,
      LOG_LEVEL: 'info',
      NAMESPACE: '',
      DATABASE_POOL_SIZE: 10,
    });
  });

  it('that are wrong are reported together, each with its name, the fault and an example', () => {
    const faults = faultsOf({ ...good, PORT: '80a', KAFKA_BROKERS: 'nowhere', DATABASE_URL: '', LOG_LEVEL: 'loud' });
    expect(faults).toHaveLength(4);
    expect(faults).toContainEqual(expect.stringMatching(/^DATABASE_URL is missing; for example postgres:/));
    expect(faults).toContainEqual(
      expect.stringMatching(/^KAFKA_BROKERS is "nowhere": must be host:port.*; for example kafka-0:9092/),
    );
    expect(faults).toContainEqual(expect.stringMatching(/^PORT is "80a": must be a whole number/));
    expect(faults).toContainEqual(expect.stringMatching(/^LOG_LEVEL is "loud"/));
  });

  it('never show a password', () => {
    const text = faultsOf({ ...good, DATABASE_URL: 'mysql://me:hunter2@db/x' }).join();
    expect(text).toContain('DATABASE_URL');
    expect(text).not.toContain('hunter2');
  });

  it('can be extended with its own; a secret one is not shown', () => {
    const own = { API_KEY: z.string().min(10).meta({ secret: true }), ROWS: z.coerce.number().default(500) };
    expect(readConfig({ uses: [], http: false, own }, { API_KEY: '0123456789' }).ROWS).toBe(500);
    expect(faultsOf({ API_KEY: 'tooshort' }, { uses: [], http: false, own }).join()).not.toContain('tooshort');
  });

  it('may come from a file, as secrets do', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'config-'));
    const path = join(folder, 'url');
    writeFileSync(path, 'postgres://from:file@db/x\n');
    const { DATABASE_URL: _, ...rest } = good;
    expect(readConfig(everything, { ...rest, DATABASE_URL_FILE: path }).DATABASE_URL).toBe('postgres://from:file@db/x');
    expect(faultsOf({ ...rest, DATABASE_URL_FILE: '/nowhere' })).toEqual([
      expect.stringContaining("DATABASE_URL_FILE can't be read"),
    ]);
    await rm(folder, { recursive: true });
  });

  it('are required only for what the service uses', () => expect(faultsOf({}, { uses: [], http: false })).toEqual([]));

  it('refuse a default secret in production', () => {
    const own = { SECRET: z.string().default('well-known').meta({ secret: true }) };
    const faults = (env: Record<string, string>) => faultsOf(env, { uses: [], http: false, own });
    for (const given of [{}, { SECRET: 'well-known' }]) {
      expect(faults({ ...given, NODE_ENV: 'production' })).toEqual([expect.stringMatching(/^SECRET is its default/)]);
    }
    expect(faults({ SECRET: 'mine', NODE_ENV: 'production' })).toEqual([]);
    expect(faults({})).toEqual([]);
  });

  it('refuse the issuer of local tokens in production', () => {
    const env = { ...good, JWT_ISSUER: 'https://local.tradecore.dev/' };
    expect(faultsOf(env)).toEqual([]);
    expect(faultsOf({ ...env, NODE_ENV: 'production' })).toEqual([expect.stringContaining('refused in production')]);
  });

  it('require the token keys over https in production', () => {
    const env = { ...good, JWT_JWKS_URL: 'http://login.example.com/jwks.json' };
    expect(faultsOf(env)).toEqual([]);
    expect(faultsOf({ ...env, NODE_ENV: 'production' })).toEqual([
      expect.stringMatching(/^JWT_JWKS_URL is http:.*must be https:/),
    ]);
  });
});
