import { runService } from '@tradecore/service';
import { reconciler } from './reconciler.module.ts';
await runService(reconciler);
