import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KafkaClientSettings } from '@tradecore/messaging';
import { z } from 'zod';
import type { Config } from '../run/config.ts';
import { certificates, milliseconds, privateKey, url } from '../run/setting-types.ts';

const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

/** The settings of each server; a service has those of the servers that it uses. */
export const serverSettings = {
  postgres: {
    DATABASE_URL: url('postgres', 'postgresql').meta({
      examples: ['postgres://tradecore_command_api:password@db:5432/tradecore'],
    }),
    DATABASE_POOL_SIZE: z.coerce.number().int().min(1).max(200).default(10),
    /** Milliseconds; the server cancels a statement that takes longer. */
    DATABASE_STATEMENT_TIMEOUT: milliseconds(3_600_000).default(15_000),
  },
  kafka: {
    KAFKA_BROKERS: z
      .string()
      .transform((text) => text.split(',').map((each) => each.trim()))
      .refine((each) => each.every((address) => /^[^\s:]+:\d{1,5}$/.test(address)), 'must be host:port, separated by commas')
      .meta({ examples: ['kafka-0:9092,kafka-1:9092'] }),
    KAFKA_TLS: z.stringbool().default(false),
    /** The authority that signed the brokers' certificates; those that Node knows when absent. */
    KAFKA_CA: certificates.optional(),
    /** Our own certificate, for brokers that ask for one, and its key. */
    KAFKA_CERT: certificates.optional(),
    KAFKA_KEY: privateKey.optional().meta({ secret: true }),
    KAFKA_SASL_MECHANISM: z.enum(saslMechanisms).optional(),
    KAFKA_SASL_USERNAME: z.string().optional(),
    KAFKA_SASL_PASSWORD: z.string().optional().meta({ secret: true }),
  },
  redis: {
    REDIS_URL: url('redis', 'rediss').meta({ examples: ['redis://cache:6379'] }),
    /** The authority that signed the certificate of a `rediss:` server; those that Node knows when absent. */
    REDIS_CA: certificates.optional(),
  },
};

type KafkaConfig = Pick<Config, keyof typeof serverSettings.kafka | 'NAMESPACE' | 'NODE_ENV'>;

/** The client of every process of ours: who connects, and what the settings say. */
export function kafkaSettings(clientId: string, config: KafkaConfig): KafkaClientSettings {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username = '', KAFKA_SASL_PASSWORD: password = '' } = config;
  return {
    brokers: config.KAFKA_BROKERS,
    clientId,
    namespace: config.NAMESPACE,
    ...(config.KAFKA_TLS && { tls: { ca: config.KAFKA_CA, cert: config.KAFKA_CERT, key: config.KAFKA_KEY } }),
    ...(mechanism && { sasl: { mechanism, username, password } }),
  };
}

/** What settings of a server, each right by itself, lack or spoil together. */
export function* serverFaults(config: Config): Generator<string> {
  if (config.DATABASE_URL) yield* postgresFaults(config.DATABASE_URL);
  if (config.KAFKA_BROKERS) yield* kafkaFaults(config);
  if (config.REDIS_CA !== undefined && !config.REDIS_URL.startsWith('rediss:'))
    yield 'REDIS_CA is set, but connections are not encrypted: REDIS_URL must start with rediss:';
}

/** What libpq understands, apart from those modes that fall back to no encryption at all. */
const sslModes = ['disable', 'require', 'verify-ca', 'verify-full'];

function* postgresFaults(databaseUrl: string): Generator<string> {
  const { searchParams } = new URL(databaseUrl);
  const [mode, ca] = [searchParams.get('sslmode'), searchParams.get('sslrootcert')];
  if (mode !== null && !sslModes.includes(mode)) yield `DATABASE_URL has sslmode=${mode}: must be one of ${sslModes.join(', ')}`;
  if (mode === 'verify-ca' && ca === null) yield 'DATABASE_URL has sslmode=verify-ca, which needs sslrootcert; or verify-full';
  if (ca === null) return;
  if (mode === null || mode === 'disable')
    yield 'DATABASE_URL has sslrootcert, but connections are not encrypted: add sslmode=verify-full';
  try {
    new X509Certificate(readFileSync(ca));
  } catch (error) {
    yield `DATABASE_URL has sslrootcert=${ca}, which is no certificate that can be read: ${(error as Error).message}`;
  }
}

function* kafkaFaults(config: KafkaConfig): Generator<string> {
  for (const name of ['KAFKA_CA', 'KAFKA_CERT', 'KAFKA_KEY'] as const)
    if (config[name] !== undefined && !config.KAFKA_TLS)
      yield `${name} is set, but connections are not encrypted: set KAFKA_TLS=true too`;
  yield* pairFaults(config);
  yield* loginFaults(config);
}

function* pairFaults({ KAFKA_CERT: cert, KAFKA_KEY: key }: KafkaConfig): Generator<string> {
  if (cert === undefined && key !== undefined) yield 'KAFKA_KEY is set without its certificate: KAFKA_CERT is missing';
  if (cert !== undefined && key === undefined) yield 'KAFKA_CERT is set without its key: KAFKA_KEY is missing';
  if (cert !== undefined && key !== undefined && !new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    yield 'KAFKA_KEY is not the key of KAFKA_CERT';
}

function* loginFaults(config: KafkaConfig): Generator<string> {
  const { KAFKA_TLS: tls, KAFKA_SASL_MECHANISM: mechanism } = config;
  for (const name of ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const) {
    if (mechanism !== undefined && config[name] === undefined) yield `KAFKA_SASL_MECHANISM is ${mechanism}: ${name} is missing`;
    if (mechanism === undefined && config[name] !== undefined)
      yield `${name} is set without KAFKA_SASL_MECHANISM: ${saslMechanisms.join(', ')}`;
  }
  if (mechanism === 'PLAIN' && !tls && config.NODE_ENV === 'production')
    yield 'KAFKA_SASL_MECHANISM is PLAIN, which sends the password unencrypted: set KAFKA_TLS=true in production';
}
