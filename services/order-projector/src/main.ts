import { Orders, readModelMigrations, withReadCache } from '@tradecore/read-models';
import { runProjector } from '@tradecore/service/projector';
await runProjector(Orders, readModelMigrations, withReadCache);
