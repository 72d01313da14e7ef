import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadEnvFile } from 'node:process';
import type { Database } from '@tradecore/checks';
import { createKafkaClient, type KafkaClient } from '@tradecore/messaging';
import { environment, readConfig } from '@tradecore/service';
import { DataSource } from 'typeorm';

/** The fleet that is operated: its database as the operator's role sees it, and its broker. */
export interface Fleet {
  readonly dataSource: DataSource;
  readonly database: Database;
  readonly kafka: KafkaClient;
  close(): Promise<void>;
}

/** Where a local fleet leaves the operator's settings. */
const localSettings = join('.local', 'secrets', 'operator.env');

/**
 * Connects with DATABASE_URL, KAFKA_BROKERS and NAMESPACE of the environment; where DATABASE_URL is not set, with what the fleet of `npm start` in
 * this folder (or in TRADECORE_HOME) has left. Throws `ConfigFaults`, or what the database answers.
 */
export async function openFleet(): Promise<Fleet> {
  const file = environment()['TRADECORE_HOME']
    ? join(environment()['TRADECORE_HOME'] ?? '', 'secrets', 'operator.env')
    : localSettings;
  if (!environment()['DATABASE_URL'] && existsSync(file)) loadEnvFile(file);
  const config = readConfig({ uses: ['postgres', 'kafka'], http: false }, environment());
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
    dataSource,
    database: { query: (sql, parameters) => dataSource.query(sql, parameters) },
    kafka,
    close: async () => {
      await kafka.close();
      await dataSource.destroy();
    },
  };
}
