import { Accounts, readModelMigrations } from '@tradecore/read-models';
import { runProjector } from '@tradecore/service/projector';
await runProjector(Accounts, readModelMigrations);
