import { runService } from '@tradecore/service';
import { notifier } from './notifier.module.ts';
await runService(notifier);
