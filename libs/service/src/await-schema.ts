import { setTimeout as sleep } from 'node:timers/promises';
import { missingMigrations, storeMigrations, type Migration } from '@tradecore/event-sourcing';
import { logger } from '@tradecore/telemetry';
import type { Config } from './config.ts';
import { createDataSource } from './infrastructure.module.ts';

const log = logger('service');

/** Which schema, for whom. */
export interface SchemaNeeds {
  readonly name: string;
  readonly config: Config;
  readonly migrations: readonly Migration[];
}

/**
 * Waits until the database answers and has had the migrations that this build needs, at most START_LIMIT.
 * Services and the migrator may so be started in any order.
 */
export async function awaitSchema(needs: SchemaNeeds): Promise<void> {
  const limit = needs.config.START_LIMIT;
  const deadline = performance.now() + limit;
  for (let attempt = 1; ; attempt += 1) {
    const why = await whatLacks(needs);
    if (why === undefined) return;
    if (performance.now() > deadline) throw new Error(`PostgreSQL is not ready after ${limit} ms: ${why}`);
    log.warn({ attempt }, `waiting for PostgreSQL: ${why}`);
    await sleep(Math.min(100 * attempt, 2000));
  }
}

async function whatLacks({ name, config, migrations }: SchemaNeeds): Promise<string | undefined> {
  const dataSource = createDataSource(name, { ...config, DATABASE_POOL_SIZE: 1 });
  try {
    await dataSource.initialize();
    const missing = await missingMigrations(dataSource, [...storeMigrations, ...migrations]);
    return missing.length > 0 ? `the schema lacks ${missing.join(', ')}` : undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}
