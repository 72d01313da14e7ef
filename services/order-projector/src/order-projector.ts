import { Orders, readModelMigrations } from '@tradecore/read-models';
import { projectorService } from '@tradecore/service';

/** Keeps the read model of orders, as `main.ts` and tests start it. */
export const orderProjector = projectorService(Orders, { migrations: readModelMigrations });
