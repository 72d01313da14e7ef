import { runService } from '@tradecore/service';
import { feedProjector } from './feed-projector.ts';
await runService(feedProjector);
