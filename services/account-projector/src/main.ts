import { runService } from '@tradecore/service';
import { accountProjector } from './account-projector.ts';
await runService(accountProjector);
