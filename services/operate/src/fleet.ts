import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { Database } from '@tradecore/checks';
import { createKafkaClient, type KafkaClient } from '@tradecore/messaging';
import { environment, readConfig, type Environment } from '@tradecore/service/config';
import { DataSource } from 'typeorm';

/** The fleet that is operated: its database as the operator's role sees it, and its broker. */
export interface Fleet {
  /** Of the database: for a session of one's own. */
  readonly url: string;
  readonly dataSource: DataSource;
  readonly database: Database;
  readonly kafka: KafkaClient;
  close(): Promise<void>;
}

/** Where a local fleet leaves the operator's settings. */
const localSettings = join('.local', 'secrets', 'operator.env');

/**
 * Connects with DATABASE_URL, KAFKA_BROKERS and NAMESPACE of `env`; where DATABASE_URL is not set, with what the fleet of `npm start` in
 * this folder (or in TRADECORE_HOME) has left. Throws `ConfigFaults`, or what the database answers.
 */
export async function openFleet(env: Environment = environment()): Promise<Fleet> {
  const { TRADECORE_HOME: home, DATABASE_URL: named } = env;
  const file = home ? join(home, 'secrets', 'operator.env') : localSettings;
  const left = !named && existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  const config = readConfig({ uses: ['postgres', 'kafka'], http: false }, { ...left, ...env });
  const dataSource = await new DataSource({
    type: 'postgres',
    url: config.DATABASE_URL,
    applicationName: 'operate',
    poolSize: 2,
    connectTimeoutMS: 5000,
    installExtensions: false,
  }).initialize();
  const kafka = createKafkaClient({ brokers: config.KAFKA_BROKERS, clientId: 'operate', namespace: config.NAMESPACE });
  return {
    url: config.DATABASE_URL,
    dataSource,
    database: { query: (sql, parameters) => dataSource.query(sql, parameters) },
    kafka,
    close: async () => {
      await kafka.close();
      await dataSource.destroy();
    },
  };
}
