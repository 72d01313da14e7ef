import { Orders, readModelMigrations } from '@tradecore/read-models';
import { runProjector } from '@tradecore/service/projector';
await runProjector(Orders, readModelMigrations);
