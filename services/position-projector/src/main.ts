import { Positions, readModelMigrations, withReadCache } from '@tradecore/read-models';
import { runProjector } from '@tradecore/service/projector';
await runProjector(Positions, readModelMigrations, withReadCache);
