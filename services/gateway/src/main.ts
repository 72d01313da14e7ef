import { runService } from '@tradecore/service';
import { gateway } from './gateway.module.ts';
await runService(gateway);
