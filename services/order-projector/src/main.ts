import { runService } from '@tradecore/service';
import { orderProjector } from './order-projector.ts';
await runService(orderProjector);
