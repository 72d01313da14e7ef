import { runService } from '@tradecore/service';
import { commandApi } from './command-api.module.ts';
await runService(commandApi);
