import { setTimeout as sleep } from 'node:timers/promises';
import { missingMigrations, poolLimits, storeMigrations, type Migration } from '@tradecore/event-sourcing';
import { logger } from '@tradecore/telemetry';
import { DataSource } from 'typeorm';
import type { Config } from '../run/config.ts';

const log = logger('service');

/** Which schema, for whom. */
export interface SchemaNeeds {
  readonly name: string;
  readonly config: Config;
  readonly migrations: readonly Migration[];
}

/**
 * The pool of a service, once the database answers and has had the migrations that this build needs; waits at most START_LIMIT.
 * Services and the migrator may so be started in any order.
 */
export async function openPool({ name, config, migrations }: SchemaNeeds): Promise<DataSource> {
  const limit = config.START_LIMIT;
  const deadline = performance.now() + limit;
  const dataSource = createDataSource(name, config);
  for (let attempt = 1; ; attempt += 1) {
    const why = await whatLacks(dataSource, migrations);
    if (why === undefined) return dataSource;
    if (performance.now() > deadline) {
      if (dataSource.isInitialized) await dataSource.destroy();
      throw new Error(`PostgreSQL is not ready after ${limit} ms: ${why}`);
    }
    log.warn({ attempt }, `waiting for PostgreSQL: ${why}`);
    await sleep(Math.min(100 * attempt, 2000));
  }
}

async function whatLacks(dataSource: DataSource, migrations: readonly Migration[]): Promise<string | undefined> {
  try {
    if (!dataSource.isInitialized) await dataSource.initialize();
    return await lackOf(dataSource, migrations);
  } catch (error) {
    return (error as Error).message;
  }
}

/** What the schema lacks of the event store's migrations and these, in words; undefined when it has them all. */
export async function lackOf(dataSource: DataSource, migrations: readonly Migration[]): Promise<string | undefined> {
  const missing = await missingMigrations(dataSource, [...storeMigrations, ...migrations]);
  return missing.length > 0 ? `the schema lacks ${missing.join(', ')}` : undefined;
}

/** The one pool of a process. A statement, and a transaction that does nothing, are ended by the server; a server that says nothing, by us. */
function createDataSource(name: string, config: Config): DataSource {
  return new DataSource({
    type: 'postgres',
    url: config.DATABASE_URL,
    applicationName: name,
    poolSize: config.DATABASE_POOL_SIZE,
    installExtensions: false,
    extra: {
      ...poolLimits(config.DATABASE_STATEMENT_TIMEOUT),
      idle_in_transaction_session_timeout: 60_000,
      idleTimeoutMillis: 60_000,
    },
  });
}
