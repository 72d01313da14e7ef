import { runService } from '@tradecore/service';
import { positionProjector } from './position-projector.ts';
await runService(positionProjector);
