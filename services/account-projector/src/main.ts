import { Accounts, readModelMigrations, withReadCache } from '@tradecore/read-models';
import { runProjector } from '@tradecore/service/projector';
await runProjector(Accounts, readModelMigrations, withReadCache);
