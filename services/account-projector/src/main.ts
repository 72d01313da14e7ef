import { runService } from '@tradecore/service';
import { accountProjector } from './account-projector.module.ts';
await runService(accountProjector);
