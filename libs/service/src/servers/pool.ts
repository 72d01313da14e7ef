import { setTimeout as sleep } from 'node:timers/promises';
import {
  missingMigrations,
  mustOwnSessions,
  poolLimits,
  SessionsShared,
  storeMigrations,
  type Migration,
} from '@tradecore/event-sourcing';
import { gauge, logger, setWhenRead } from '@tradecore/telemetry';
import { DataSource } from 'typeorm';
import type { Config } from '../run/config.ts';

const log = logger('service');
const connections = gauge({
  name: 'tradecore_database_connections',
  help: 'Connections of the pool of this process.',
  labels: { state: ['used', 'idle'] },
});
const connectionLimit = gauge({ name: 'tradecore_database_connections_limit', help: 'Connections that the pool may open.' });
const waiting = gauge({ name: 'tradecore_database_pool_waiting', help: 'Requests that wait for a connection of the pool.' });
const missing = gauge({
  name: 'tradecore_schema_missing_migrations',
  help: 'Migrations that this build needs and the database lacks, when it was last asked.',
});

/** The migrations that are needed, and the service that needs them. */
export interface SchemaNeeds {
  readonly name: string;
  readonly config: Config;
  readonly migrations: readonly Migration[];
}

/**
 * The pool of a service, once the database answers and has the migrations that this build needs; waits at most
 * START_LIMIT, so that services and the migrator may start in any order. Throws `SessionsShared`.
 */
export async function openPool({ name, config, migrations }: SchemaNeeds): Promise<DataSource> {
  const limit = config.START_LIMIT;
  const deadline = performance.now() + limit;
  const dataSource = createDataSource(name, config);
  for (let attempt = 1; ; attempt += 1) {
    const why = await whatLacks(dataSource, { name, config, migrations });
    if (why === undefined) return dataSource;
    if (why instanceof SessionsShared || performance.now() > deadline) {
      if (dataSource.isInitialized) await dataSource.destroy();
      throw why instanceof SessionsShared ? why : new Error(`PostgreSQL is not ready after ${limit} ms: ${why}`);
    }
    log.warn({ attempt }, `waiting for PostgreSQL: ${why}`);
    await sleep(Math.min(100 * attempt, 2000));
  }
}

async function whatLacks(
  dataSource: DataSource,
  { config, migrations }: SchemaNeeds,
): Promise<string | SessionsShared | undefined> {
  try {
    if (!dataSource.isInitialized) await dataSource.initialize();
    await mustOwnSessions(dataSource, config.DATABASE_URL);
    return await lackOf(dataSource, migrations);
  } catch (error) {
    return error instanceof SessionsShared ? error : (error as Error).message;
  }
}

/**
 * The migrations of the event store, and of this list, that the schema lacks, in words; undefined when it has them all.
 */
export async function lackOf(dataSource: DataSource, migrations: readonly Migration[]): Promise<string | undefined> {
  const lacks = await missingMigrations(dataSource, [...storeMigrations, ...migrations]);
  missing.set(lacks.length);
  return lacks.length > 0 ? `the schema lacks ${lacks.join(', ')}` : undefined;
}

/**
 * The only pool of a process. The server ends long statements and idle transactions; we drop a server that stays
 * silent.
 */
function createDataSource(name: string, config: Config): DataSource {
  const dataSource = new DataSource({
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
  connectionLimit.set(config.DATABASE_POOL_SIZE);
  setWhenRead(connections, () => {
    const { totalCount = 0, idleCount = 0, waitingCount = 0 } = (dataSource.driver as { master?: Partial<Pool> }).master ?? {};
    connections.set({ state: 'used' }, totalCount - idleCount);
    connections.set({ state: 'idle' }, idleCount);
    waiting.set(waitingCount);
  });
  return dataSource;
}

/** What the pool of `pg` knows of itself. */
interface Pool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}
