import { runService } from '@tradecore/service';
import { positionProjector } from './position-projector.module.ts';
await runService(positionProjector);
