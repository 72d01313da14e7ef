import { runProgram } from '@tradecore/service';
import { logger } from '@tradecore/telemetry';
import { migrateAll, migratorConfig } from './migrate-all.ts';

await runProgram({ name: 'migrator', uses: ['postgres', 'kafka'], config: migratorConfig }, async (config) => {
  logger('migrator').info(await migrateAll(config), 'roles, schema and topics are up to date');
});
