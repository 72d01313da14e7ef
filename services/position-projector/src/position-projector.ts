import { Positions, readModelMigrations } from '@tradecore/read-models';
import { projectorService } from '@tradecore/service';

/** Keeps the read model of positions, as `main.ts` and tests start it. */
export const positionProjector = projectorService(Positions, { migrations: readModelMigrations });
