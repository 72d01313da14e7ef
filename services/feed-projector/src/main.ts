import { runService } from '@tradecore/service';
import { feedProjector } from './feed-projector.module.ts';
await runService(feedProjector);
