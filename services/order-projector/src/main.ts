import { runService } from '@tradecore/service';
import { orderProjector } from './order-projector.module.ts';
await runService(orderProjector);
