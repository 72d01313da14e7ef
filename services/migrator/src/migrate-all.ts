import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate } from '@tradecore/event-sourcing';
import { catalogue } from '@tradecore/events';
import { createKafkaClient } from '@tradecore/messaging';
import { readModelMigrations } from '@tradecore/read-models';
import { runtimeMigrations } from '@tradecore/service/migrations';
import { kafkaSettings, type Config } from '@tradecore/service/config';
import { z } from 'zod';
import { addressOf, awaitServer } from './await-servers.ts';

/** The migrator's settings, apart from its servers. */
export const migratorConfig = {
  /** For topics still to be created; as declared when absent. */
  PARTITIONS: z.coerce.number().int().min(1).max(1000).optional(),
  /** Copies of each partition; 3 in a cluster. */
  REPLICATION: z.coerce.number().int().min(1).max(9).default(1),
  /** A folder with one file per login: named after the service or the login, containing the password. */
  ROLE_PASSWORDS_DIR: z
    .string()
    .optional()
    .meta({ examples: ['/run/logins'] }),
};

/** The migrator's settings as read. */
export type MigratorConfig = Config<typeof migratorConfig>;

/** What was done, for the log. */
export interface Migrated {
  /** Migrations that ran now; empty when the schema was complete. */
  readonly ran: readonly string[];
  /** Services whose password was set. */
  readonly logins: readonly string[];
  readonly topicsCreated: readonly string[];
  readonly topicsVerified: readonly string[];
}

/** The password of each service, from a folder of files named `command-api` or `<prefix>_command_api`. */
export function rolePasswords(folder: string, prefix: string): Record<string, string> {
  const names = readdirSync(folder).filter((name) => !name.startsWith('.')); // a mounted secret contains hidden links
  return Object.fromEntries(
    names.map((name) => {
      const service = name.startsWith(`${prefix}_`) ? name.slice(prefix.length + 1).replaceAll('_', '-') : name;
      return [service, readFileSync(join(folder, name), 'utf8').trim()];
    }),
  );
}

/**
 * Brings roles, schema and topics up to date, once the servers accept connections: START_LIMIT each, at most. Safe to
 * run again and concurrently: the schema changes under an advisory lock, existing topics are verified. Also proves that
 * the broker accepts transactions.
 */
export async function migrateAll(config: MigratorConfig): Promise<Migrated> {
  const { DATABASE_URL, KAFKA_BROKERS, START_LIMIT } = config;
  await awaitServer('PostgreSQL', [addressOf(DATABASE_URL, 5432)], START_LIMIT);
  await awaitServer(
    'Kafka',
    KAFKA_BROKERS.map((each) => addressOf(each, 9092)),
    START_LIMIT,
  );
  const { ran, logins } = await migrateSchema(config);
  const { created, verified } = await ensureTopics(config);
  return { ran, logins, topicsCreated: created, topicsVerified: verified };
}

async function migrateSchema({
  DATABASE_URL,
  NAMESPACE,
  ROLE_PASSWORDS_DIR,
}: MigratorConfig): Promise<{ ran: string[]; logins: string[] }> {
  // Database roles are server-wide, databases are not: role names include the namespace.
  const rolePrefix = NAMESPACE || 'tradecore';
  const passwords = ROLE_PASSWORDS_DIR === undefined ? {} : rolePasswords(ROLE_PASSWORDS_DIR, rolePrefix);
  const { ran } = await migrate(DATABASE_URL, {
    catalogue,
    migrations: [...readModelMigrations, ...runtimeMigrations],
    rolePrefix,
    services: Object.keys(passwords),
    rolePasswords: passwords,
  });
  return { ran, logins: Object.keys(passwords) };
}

async function ensureTopics(config: MigratorConfig) {
  const { PARTITIONS, REPLICATION } = config;
  const kafka = createKafkaClient(kafkaSettings('migrator', config));
  try {
    const layout = { replication: REPLICATION, ...(PARTITIONS !== undefined && { partitions: PARTITIONS }) };
    const topics = await kafka.ensureTopics(layout);
    await kafka.verifyTransactions();
    return topics;
  } finally {
    await kafka.close();
  }
}
