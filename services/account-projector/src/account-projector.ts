import { Accounts, readModelMigrations } from '@tradecore/read-models';
import { projectorService } from '@tradecore/service';

/** Keeps the read model of accounts, as `main.ts` and tests start it. */
export const accountProjector = projectorService(Accounts, { migrations: readModelMigrations });
